// The cluster file between reading and checking: values of the core beside the places where they stand.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/spec.hpp"
#include "file/cluster_file.hpp"
#include "file/error.hpp"
#include "file/table.hpp"

namespace haven::file {

using LocatedText = Located<std::string>;

struct ClusterDraft {
  Cluster cluster;
  Position at;
  std::optional<Located<std::int64_t>> reserve;
  std::optional<std::vector<LocatedText>> voters;
  std::optional<LocatedText> witness;
};

struct FenceDraft {
  Position at;
  std::vector<LocatedText> cuts;
};

struct HostDraft {
  Host host;
  Position at;  // of the name
  std::optional<LocatedText> address;
  std::vector<LocatedText> links;
  Position keep_at;
  std::vector<FenceDraft> fence;  // as in host.fence
  std::optional<LocatedText> runs_on;
};

struct VmDraft {
  Resource resource;
  Position at;  // of the name
  Position cpu_at, memory_at;
  bool cpu_given = false, memory_given = false;  // rightly or not
  std::optional<LocatedText> domain;
  std::vector<LocatedText> only, never, after;
  std::vector<std::vector<LocatedText>> prefer;
  Position hosts_at;
  std::vector<Position> check_at;  // as in resource.checks
  Position repair_at, call_up_at;
  std::int64_t instances = 1;
  FailureDomain spread = FailureDomain::host;
};

struct RuleDraft {
  Rule rule;
  Position at;
  std::vector<LocatedText> resources;
};

struct Draft {
  ClusterDraft cluster;
  std::vector<HostDraft> hosts;
  std::vector<VmDraft> vms;
  std::vector<RuleDraft> rules;
};

// Keys and values, each by itself.
[[nodiscard]] Draft read_draft(const toml::table& root, Purpose purpose, Problems& problems);

// Of one [[vm]] table: its checks, what is done for it, how long it waits for others.
void read_health(Table& table, VmDraft& draft);
// What its domain must have for them.
void check_health(const VmDraft& vm, const DomainText& domain, Problems& problems);

// Fills uuid, xml, cpu and memory in from the domains' XML.
void read_domains(Draft& draft, Purpose purpose, const ReadDomain& read_domain, Problems& problems);

// What no key shows by itself: names, references, contradictions, capacity. `spec` is what `expand` made of the draft.
void check_names(const Draft& draft, Problems& problems);
void check_hosts(const Draft& draft, Problems& problems);
void check_placement(const Draft& draft, Problems& problems);
void check_fencing(const Draft& draft, Problems& problems);

// The draft as the core wants it: defaults that depend on the whole file, instances, references.
struct Expanded {
  Spec spec;
  std::vector<Position> rule_at;  // one for each rule of spec
};
[[nodiscard]] Expanded expand(const Draft& draft, Purpose purpose);
void check_rules(const Draft& draft, const Expanded& expanded, Problems& problems);
// For a file that is right otherwise: rules that cannot all hold. `measured`: capacities that the file leaves out.
void check_contradictions(const Draft& draft, const Expanded& expanded, const std::vector<Host>& measured,
                          Problems& problems);

// References to a resource with instances mean all of them.
[[nodiscard]] std::vector<ResourceName> instances_of(const Draft& draft, const std::string& name);

}  // namespace haven::file
