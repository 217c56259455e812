// The hosts of a Spec by index, and which of them fail together.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/model/spec.hpp"
#include "core/placement/host_set.hpp"

namespace haven {

inline constexpr std::size_t kFailureDomainLevels = 4;
inline constexpr std::size_t index_of(FailureDomain level) { return static_cast<std::size_t>(level); }

class Topology {
 public:
  // Copies what it needs of `spec`.
  explicit Topology(const Spec& spec);

  [[nodiscard]] std::size_t hosts() const { return names_.size(); }
  [[nodiscard]] const HostName& name(std::size_t host) const { return names_[host]; }
  // nullopt: no such host in the spec.
  [[nodiscard]] std::optional<std::size_t> find(const HostName& name) const;

  // Domains of a level are numbered from 0 in the order of their first hosts in the file.
  [[nodiscard]] std::size_t domain(FailureDomain level, std::size_t host) const {
    return domains_[index_of(level)][host];
  }
  [[nodiscard]] std::array<std::size_t, kFailureDomainLevels> domains_of(std::size_t host) const;
  // Ascending.
  [[nodiscard]] const std::vector<std::size_t>& hosts_in(FailureDomain level, std::size_t domain) const {
    return hosts_in_[index_of(level)][domain];
  }
  // Its place among all hosts in the order of names, and back.
  [[nodiscard]] std::size_t place_by_name(std::size_t host) const { return places_[host]; }
  [[nodiscard]] std::size_t host_by_name(std::size_t place) const { return by_name_[place]; }
  [[nodiscard]] std::size_t domains(FailureDomain level) const { return labels_[index_of(level)].size(); }
  // For a person: "h1", "rack r1", "h4 (in no rack)".
  [[nodiscard]] const std::string& label(FailureDomain level, std::size_t domain) const {
    return labels_[index_of(level)][domain];
  }
  // As a place to stand: "on h1", "in rack r1".
  [[nodiscard]] std::string place(FailureDomain level, std::size_t domain) const;

  // What only/never leave.
  [[nodiscard]] HostSet eligible(const HostRules& rules) const;

 private:
  std::vector<HostName> names_;
  std::unordered_map<HostName, std::size_t> index_;
  std::array<std::vector<std::size_t>, kFailureDomainLevels> domains_;
  std::array<std::vector<std::vector<std::size_t>>, kFailureDomainLevels> hosts_in_;
  std::vector<std::size_t> places_, by_name_;
  std::array<std::vector<std::string>, kFailureDomainLevels> labels_;
  std::array<std::vector<bool>, kFailureDomainLevels> lone_;  // a host that stands in no domain of that level
};

// The resources of each rule, by index in the file, each once, in the rule's order. Names that are no resource's are
// left out.
[[nodiscard]] std::vector<std::vector<std::size_t>> members_of_rules(const Spec& spec);

}  // namespace haven
