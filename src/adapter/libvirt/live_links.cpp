#include "adapter/libvirt/live_links.hpp"

#include <cstdlib>
#include <memory>

#include "adapter/libvirt/connection.hpp"
#include "adapter/libvirt/domain_links.hpp"

namespace haven::libvirt {
namespace {

LinksFailure failure_of_libvirt() {
  const auto error = last_error();
  return {error.message, error.answered};
}

std::optional<std::string> xml_of(virDomainPtr domain) {
  const std::unique_ptr<char, decltype(&std::free)> xml(virDomainGetXMLDesc(domain, 0), &std::free);
  return xml ? std::optional<std::string>(xml.get()) : std::nullopt;
}

}  // namespace

std::optional<LinksFailure> set_links(virDomainPtr domain, bool up) {
  const auto xml = xml_of(domain);
  if (!xml) return failure_of_libvirt();
  const auto interfaces = interfaces_with_link(*xml, up);
  if (!interfaces) return LinksFailure{"libvirt's own XML: " + interfaces.error(), true};
  for (const std::string& interface : *interfaces)
    if (virDomainUpdateDeviceFlags(domain, interface.c_str(), VIR_DOMAIN_AFFECT_LIVE) < 0) return failure_of_libvirt();
  const auto after = xml_of(domain);
  if (!after) return failure_of_libvirt();
  const auto linked = any_link_up(*after);
  const bool as_told = linked && *linked == (up && !interfaces->empty());
  return as_told ? std::nullopt : std::optional(LinksFailure{"libvirt did it, and its links are not so", true});
}

std::optional<bool> linked_on(virDomainPtr domain) {
  const auto xml = xml_of(domain);
  const auto linked = xml ? any_link_up(*xml) : tl::unexpected(std::string());
  return linked ? std::optional(*linked) : std::nullopt;
}

}  // namespace haven::libvirt
