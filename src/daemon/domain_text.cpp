#include "daemon/domain_text.hpp"

#include "adapter/libvirt/domain_xml.hpp"
#include "daemon/boot.hpp"

namespace haven::daemon {

tl::expected<file::DomainText, std::string> domain_text(const std::string& xml) {
  const auto facts = libvirt::parse_domain(xml);
  if (!facts) return tl::unexpected(facts.error());
  return file::DomainText{.xml = xml,
                          .uuid = facts->uuid,
                          .name = facts->name,
                          .container = facts->driver == port::Driver::lxc,
                          .cpu = facts->vcpus,
                          .memory = facts->memory,
                          .agent = facts->agent};
}

file::ReadDomain domain_files(std::map<std::string, std::string>& texts) {
  return [&texts](const std::string& path) -> tl::expected<file::DomainText, std::string> {
    auto xml = read_file(path);
    if (!xml) return tl::unexpected(xml.error().substr(path.size() + 2));
    auto result = domain_text(*xml);
    if (result) texts[path] = std::move(*xml);
    return result;
  };
}

file::ReadDomain domain_texts(const std::map<std::string, std::string>& texts) {
  return [&texts](const std::string& path) -> tl::expected<file::DomainText, std::string> {
    const auto it = texts.find(path);
    if (it == texts.end()) return tl::unexpected(std::string("it was not sent with the cluster file"));
    return domain_text(it->second);
  };
}

}  // namespace haven::daemon
