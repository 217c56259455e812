// What changes from one Spec to another, in the notation of the cluster file (`haven diff`).
#pragma once

#include <string>
#include <vector>

#include "core/model/spec.hpp"

namespace haven::file {

struct DiffLine {
  enum class Kind { added, removed, changed };
  Kind kind = Kind::changed;
  std::string table;   // cluster, host, vm, rule
  std::string name;    // of the host or vm; for a rule, which has none: its kind and resources
  std::string key;     // empty for a whole table added or removed
  std::string before;  // the value, as 2GiB, 10m or ["h1", "h2"]; empty: none, the default of an empty list
  std::string after;
  friend bool operator==(const DiffLine&, const DiffLine&) = default;
};

// Empty: nothing changes. cluster first, then hosts, vms and rules, each in the file's order, what is removed last. A
// table that is added or removed is one line, its `after` or `before` telling what differs from the defaults.
[[nodiscard]] std::vector<DiffLine> diff(const Spec& before, const Spec& after);

// + vm web3: cpu = 2, memory = 2GiB
// ~ vm web1: memory 2GiB -> 4GiB
[[nodiscard]] std::string to_string(const DiffLine& line);

}  // namespace haven::file
