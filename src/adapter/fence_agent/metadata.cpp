#include "adapter/fence_agent/metadata.hpp"

#include <libxml/parser.h>
#include <libxml/tree.h>

#include <memory>

#include "core/model/spelling.hpp"

namespace haven::adapter {
namespace {

struct FreeDocument {
  void operator()(xmlDoc* document) const { xmlFreeDoc(document); }
};

std::string_view name_of(const xmlNode* node) { return reinterpret_cast<const char*>(node->name); }

std::string attribute(xmlNode* node, const char* name) {
  xmlChar* value = xmlGetProp(node, reinterpret_cast<const xmlChar*>(name));
  if (value == nullptr) return "";
  std::string text = reinterpret_cast<const char*>(value);
  xmlFree(value);
  return text;
}

template <class Visit>
void for_each_child(xmlNode* parent, std::string_view name, Visit visit) {
  for (xmlNode* child = parent->children; child != nullptr; child = child->next) {
    if (child->type == XML_ELEMENT_NODE && name_of(child) == name) visit(child);
  }
}

AgentMetadata::Parameter parameter_of(xmlNode* node, const std::string& name) {
  AgentMetadata::Parameter parameter;
  parameter.required = attribute(node, "required") == "1";
  parameter.deprecated = attribute(node, "deprecated") == "1";
  parameter.group = attribute(node, "obsoletes");
  if (parameter.group.empty()) parameter.group = name;
  for_each_child(node, "content", [&](xmlNode* content) {
    parameter.has_default = parameter.has_default || !attribute(content, "default").empty();
  });
  return parameter;
}

bool ends_with_file(const std::string& key) { return key.size() > 5 && key.ends_with("_file"); }

// The name under which the agent knows this option.
std::string passed_as(const AgentMetadata& metadata, const std::string& key) {
  const std::string secret = secret_of(metadata, key);
  return secret.empty() ? key : secret;
}

std::string fault_of_option(const AgentMetadata& metadata, const std::string& agent, const std::string& key,
                            const std::string& value) {
  if (key == "action" || key == "option") return "option " + key + " of " + agent + ": the action is Haven's to say";
  const std::string name = passed_as(metadata, key);
  if (!metadata.parameters.contains(name)) {
    std::vector<std::string> known;
    for (const auto& [parameter, about] : metadata.parameters) known.push_back(parameter);
    const auto meant = closest(key, known);
    return agent + " has no option \"" + key + "\"" + (meant ? ", did you mean \"" + *meant + "\"?" : "");
  }
  if (name == key && is_secret(key)) {
    return "option " + key + " of " + agent + " is a secret: put it into a file that only root can read and say " +
           key + "_file = PATH";
  }
  if (value.find_first_of(std::string_view("\n\r\0", 3)) != std::string::npos) {
    return "option " + key + " of " + agent + " is more than one line";
  }
  return "";
}

}  // namespace

tl::expected<AgentMetadata, std::string> parse_metadata(std::string_view xml) {
  const std::unique_ptr<xmlDoc, FreeDocument> document(
      xmlReadMemory(xml.data(), static_cast<int>(xml.size()), "metadata.xml", nullptr,
                    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING));
  xmlNode* root = document == nullptr ? nullptr : xmlDocGetRootElement(document.get());
  if (root == nullptr) return tl::make_unexpected(std::string("its metadata is no XML"));
  if (name_of(root) != "resource-agent")
    return tl::make_unexpected(std::string("its metadata is not that of an agent"));
  AgentMetadata metadata;
  for_each_child(root, "parameters", [&](xmlNode* parameters) {
    for_each_child(parameters, "parameter", [&](xmlNode* node) {
      const std::string name = attribute(node, "name");
      if (!name.empty()) metadata.parameters.emplace(name, parameter_of(node, name));
    });
  });
  for_each_child(root, "actions", [&](xmlNode* actions) {
    for_each_child(actions, "action", [&](xmlNode* node) { metadata.actions.insert(attribute(node, "name")); });
  });
  if (metadata.parameters.empty()) return tl::make_unexpected(std::string("its metadata names no option"));
  return metadata;
}

std::string secret_of(const AgentMetadata& metadata, const std::string& key) {
  if (!ends_with_file(key) || metadata.parameters.contains(key)) return "";
  const std::string base = key.substr(0, key.size() - 5);
  return metadata.parameters.contains(base) ? base : "";
}

bool is_secret(const std::string& key) {
  return key.find("passw") != std::string::npos && !key.ends_with("_script") && !key.ends_with("-script") &&
         !ends_with_file(key);
}

std::vector<std::string> faults_of(const AgentMetadata& metadata, const std::string& agent,
                                   const std::map<std::string, std::string>& options) {
  std::vector<std::string> faults;
  std::map<std::string, std::string> given;  // group -> the option that gave it
  for (const auto& [key, value] : options) {
    const std::string fault = fault_of_option(metadata, agent, key, value);
    if (!fault.empty()) faults.push_back(fault);
    const auto found = metadata.parameters.find(passed_as(metadata, key));
    if (found == metadata.parameters.end()) continue;
    const auto [first, is_new] = given.emplace(found->second.group, key);
    if (!is_new)
      faults.push_back("options " + first->second + " and " + key + " of " + agent + " say the same thing twice");
  }
  for (const auto& [name, parameter] : metadata.parameters) {
    const bool ours = name == "action" || name == "option";
    if (!parameter.required || parameter.deprecated || parameter.has_default || ours) continue;
    if (!given.contains(parameter.group)) faults.push_back(agent + " needs the option \"" + name + "\"");
  }
  for (const char* action : {"off", "status"}) {
    if (!metadata.actions.empty() && !metadata.actions.contains(action)) {
      faults.push_back(agent + " cannot \"" + std::string(action) + "\": it cannot prove that a host is off");
    }
  }
  return faults;
}

bool is_agent_name(const std::string& name) {
  return name.size() > 6 && name.size() <= 64 && name.starts_with("fence_") &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
}

}  // namespace haven::adapter
