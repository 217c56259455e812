// What a fence agent says of itself: its `metadata`, and what is wrong with a configuration by it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace haven::adapter {

struct AgentMetadata {
  struct Parameter {
    bool required = false;
    bool deprecated = false;  // an old name; accepted
    bool has_default = false;
    std::string group;  // the same for all names of one thing: ip and ipaddr
  };
  std::map<std::string, Parameter> parameters;
  std::set<std::string> actions;
};

// The error says why this is no metadata.
[[nodiscard]] tl::expected<AgentMetadata, std::string> parse_metadata(std::string_view xml);

// The option that `key` names the file of: password for password_file, where the agent has the one and not the other.
// Empty: the option is passed as it is.
[[nodiscard]] std::string secret_of(const AgentMetadata& metadata, const std::string& key);

// Whether the value of this option is to be kept out of everything that can be read.
[[nodiscard]] bool is_secret(const std::string& key);

// What is wrong with `options`, one sentence each; empty: nothing. Secret files are not opened.
[[nodiscard]] std::vector<std::string> faults_of(const AgentMetadata& metadata, const std::string& agent,
                                                 const std::map<std::string, std::string>& options);

// fence_ and small letters, digits and _: nothing that leads out of the agents' folder.
[[nodiscard]] bool is_agent_name(const std::string& name);

}  // namespace haven::adapter
