#include "adapter/libvirt/domain_links.hpp"

#include <memory>

#include "adapter/libvirt/xml_nodes.hpp"

namespace haven::libvirt {
namespace {

using xml::attribute;
using xml::child;
using xml::is;

// libvirt takes more than one <devices> for one.
std::vector<xmlNode*> interfaces_of(const xmlDoc* document) {
  std::vector<xmlNode*> interfaces;
  const xmlNode* domain = xmlDocGetRootElement(document);
  for (xmlNode* devices = domain->children; devices != nullptr; devices = devices->next) {
    if (!is(devices, "devices")) continue;
    for (xmlNode* node = devices->children; node != nullptr; node = node->next)
      if (is(node, "interface")) interfaces.push_back(node);
  }
  return interfaces;
}

void set_link(xmlNode* interface, bool up) {
  const auto* text = [](const char* word) { return reinterpret_cast<const xmlChar*>(word); }(up ? "up" : "down");
  auto* link = const_cast<xmlNode*>(child(interface, "link"));
  if (link == nullptr) link = xmlNewChild(interface, nullptr, reinterpret_cast<const xmlChar*>("link"), nullptr);
  xmlSetProp(link, reinterpret_cast<const xmlChar*>("state"), text);
}

bool is_up(const xmlNode* interface) { return attribute(child(interface, "link"), "state") != "down"; }

}  // namespace

tl::expected<std::string, std::string> with_links_down(std::string_view xml) {
  const auto document = xml::read_document(xml, "domain");
  if (!document) return tl::unexpected(document.error());
  for (xmlNode* interface : interfaces_of(document->get())) set_link(interface, false);
  xmlChar* text = nullptr;
  int length = 0;
  xmlDocDumpMemory(document->get(), &text, &length);
  return xml::take(text);
}

tl::expected<bool, std::string> any_link_up(std::string_view xml) {
  const auto document = xml::read_document(xml, "domain");
  if (!document) return tl::unexpected(document.error());
  for (const xmlNode* interface : interfaces_of(document->get()))
    if (is_up(interface)) return true;
  return false;
}

tl::expected<std::vector<std::string>, std::string> interfaces_with_link(std::string_view xml, bool up) {
  const auto document = xml::read_document(xml, "domain");
  if (!document) return tl::unexpected(document.error());
  std::vector<std::string> texts;
  for (xmlNode* interface : interfaces_of(document->get())) {
    set_link(interface, up);
    const std::unique_ptr<xmlBuffer, decltype(&xmlBufferFree)> buffer(xmlBufferCreate(), &xmlBufferFree);
    xmlNodeDump(buffer.get(), document->get(), interface, 0, 0);
    texts.emplace_back(reinterpret_cast<const char*>(xmlBufferContent(buffer.get())));
  }
  return texts;
}

std::vector<std::string> link_problems(std::string_view xml) {
  const auto document = xml::read_document(xml, "domain");
  if (!document) return {document.error()};
  const auto interfaces = interfaces_of(document->get());
  if (interfaces.empty()) return {"it has no network interface, so that there is nothing to hand over"};
  std::vector<std::string> problems;
  for (const xmlNode* interface : interfaces) {
    const std::string mac = attribute(child(interface, "mac"), "address");
    const std::string which = "its network interface" + (mac.empty() ? "" : " " + mac);
    const std::string type = attribute(interface, "type");
    if (type == "hostdev" || type == "vdpa")
      problems.push_back(which + " is of the type '" + type + "', whose link libvirt cannot take down");
    if (!is_up(interface))
      problems.push_back(which + " has <link state='down'/>: take it out, Haven says when it is up");
  }
  return problems;
}

}  // namespace haven::libvirt
