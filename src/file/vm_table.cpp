#include "file/vm_table.hpp"

#include <set>

#include "file/notation.hpp"

namespace haven::file {
namespace {

// Of keys_of(Resource): those whose value in a file is a text and therefore quoted.
bool is_word(const std::string& key) {
  static const std::set<std::string> kWords{"state",        "tolerate",    "when",
                                            "on_stop_fail", "on_poweroff", "on_after_timeout"};
  return kWords.contains(key);
}

}  // namespace

std::string vm_table(const Resource& resource, const std::string& domain) {
  static const std::set<std::string> kFromXml{"domain", "uuid", "cpu", "memory"};
  std::string out = "[[vm]]\nname = " + toml_text(resource.name.str()) + "\ndomain = " + toml_text(domain) + "\n";
  const Keys keys = keys_of(resource), defaults = keys_of(Resource{});
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto& [key, value] = keys[i];
    if (kFromXml.contains(key) || value == defaults[i].second) continue;
    const bool text = is_word(key) || key == "restarts.within" || key == "after_timeout";
    out += key + " = " + (text ? toml_text(value) : value) + "\n";
  }
  return out;
}

std::string append_vm(const std::string& cluster_text, const Resource& resource, const std::string& domain) {
  std::string out = cluster_text;
  if (!out.empty() && out.back() != '\n') out += '\n';
  if (!out.empty() && !out.ends_with("\n\n")) out += '\n';
  return out + vm_table(resource, domain);
}

}  // namespace haven::file
