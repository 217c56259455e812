// Looking around in an XML tree. For the readers of domain XML alone.
#pragma once

#include <libxml/tree.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace haven::libvirt::xml {

using Document = std::unique_ptr<xmlDoc, decltype(&xmlFreeDoc)>;

// Whose root is called so. The error says what is wrong. A document type (and with it every entity) is refused.
[[nodiscard]] tl::expected<Document, std::string> read_document(std::string_view xml, const char* root_name);

inline std::string take(xmlChar* text) {
  if (text == nullptr) return {};
  std::string result(reinterpret_cast<const char*>(text));
  xmlFree(text);
  return result;
}
inline std::string trimmed(std::string text) {
  constexpr std::string_view blank = " \t\r\n";
  text.erase(0, text.find_first_not_of(blank));
  text.erase(text.find_last_not_of(blank) + 1);
  return text;
}
inline bool is(const xmlNode* node, const char* name) {
  return node->type == XML_ELEMENT_NODE && std::strcmp(reinterpret_cast<const char*>(node->name), name) == 0;
}
// nullptr: none. A missing parent has no children.
inline const xmlNode* child(const xmlNode* parent, const char* name) {
  if (parent == nullptr) return nullptr;
  for (const xmlNode* node = parent->children; node != nullptr; node = node->next)
    if (is(node, name)) return node;
  return nullptr;
}
inline std::string content(const xmlNode* node) {
  return node == nullptr ? std::string{} : trimmed(take(xmlNodeGetContent(node)));
}
inline std::string attribute(const xmlNode* node, const char* name) {
  return node == nullptr ? std::string{} : take(xmlGetNoNsProp(node, reinterpret_cast<const xmlChar*>(name)));
}
inline std::string child_text(const xmlNode* parent, const char* name) { return content(child(parent, name)); }

}  // namespace haven::libvirt::xml
