// Names: each once, and everything that is named exists.
#include <algorithm>
#include <set>

#include "core/model/spelling.hpp"
#include "file/draft.hpp"

namespace haven::file {
namespace {

struct Names {
  std::vector<std::string> hosts, resources;  // resources: instances too
};

Names names_of(const Draft& draft) {
  Names names;
  for (const HostDraft& h : draft.hosts) names.hosts.push_back(h.host.name.str());
  for (const VmDraft& vm : draft.vms) {
    names.resources.push_back(vm.resource.name.str());
    if (vm.instances == 1) continue;
    for (const ResourceName& instance : instances_of(draft, vm.resource.name.str()))
      names.resources.push_back(instance.str());
  }
  return names;
}

std::string place(Position at) { return "line " + std::to_string(at.line); }

void check_unique(const Draft& draft, Problems& problems) {
  std::map<std::string, std::pair<std::string, Position>> seen;  // name -> what, where
  const auto add = [&](const std::string& name, const std::string& what, Position at) {
    if (name.empty()) return;
    const auto [first, is_new] = seen.emplace(name, std::pair(what, at));
    if (is_new) return;
    problems.add(at,
                 what + " " + in_quotes(name) + ": the name is taken by the " + first->second.first + " in " +
                     place(first->second.second),
                 "a name of its own: hosts and resources share one set of names");
  };
  for (const HostDraft& h : draft.hosts) add(h.host.name.str(), "host", h.at);
  for (const VmDraft& vm : draft.vms) add(vm.resource.name.str(), "vm", vm.at);
  if (draft.cluster.witness) add(draft.cluster.witness->value, "witness", draft.cluster.witness->at);
}

class References {
 public:
  References(std::string kind, const std::vector<std::string>& known, Problems& problems)
      : kind_(std::move(kind)), known_(known), problems_(problems) {}

  // Each entry exists, and stands in `list` once.
  void check(const std::vector<LocatedText>& entries, const std::string& list) {
    std::set<std::string> seen;
    for (const LocatedText& entry : entries) check(entry, list, seen);
  }
  void check(const LocatedText& entry, const std::string& list, std::set<std::string>& seen) {
    if (!seen.insert(entry.value).second) {
      problems_.add(entry.at, in_quotes(entry.value) + " stands twice in " + list, "each " + kind_ + " once");
    } else if (std::find(known_.begin(), known_.end(), entry.value) == known_.end()) {
      const auto meant = closest(entry.value, known_);
      problems_.add(entry.at,
                    list + " names an unknown " + kind_ + " " + in_quotes(entry.value) +
                        (meant ? ", did you mean " + in_quotes(*meant) + "?" : ""),
                    meant            ? in_quotes(*meant)
                    : known_.empty() ? "no entry: the file has no " + kind_
                                     : "one of " + shown());
    }
  }

 private:
  [[nodiscard]] std::string shown() const {
    constexpr std::size_t kShown = 8;
    std::vector<std::string> some(known_.begin(),
                                  known_.begin() + static_cast<std::ptrdiff_t>(std::min(kShown, known_.size())));
    return alternatives(some) + (known_.size() > kShown ? " …" : "");
  }

  std::string kind_;
  const std::vector<std::string>& known_;
  Problems& problems_;
};

// The witness votes without being named; said apart, since the word looks right.
void check_voters(const Draft& draft, References& hosts, Problems& problems) {
  if (!draft.cluster.voters) return;
  std::set<std::string> seen;
  for (const LocatedText& voter : *draft.cluster.voters) {
    if (draft.cluster.witness && draft.cluster.witness->value == voter.value) {
      problems.add(voter.at, "voters names the witness " + in_quotes(voter.value),
                   "hosts only: the witness always votes");
    } else {
      hosts.check(voter, "voters", seen);
    }
  }
}

}  // namespace

std::vector<ResourceName> instances_of(const Draft& draft, const std::string& name) {
  for (const VmDraft& vm : draft.vms) {
    if (vm.resource.name.str() != name || vm.instances == 1) continue;
    std::vector<ResourceName> out;
    for (std::int64_t i = 1; i <= vm.instances; ++i) out.emplace_back(name + "#" + std::to_string(i));
    return out;
  }
  return {ResourceName(name)};
}

void check_names(const Draft& draft, Problems& problems) {
  check_unique(draft, problems);
  const Names names = names_of(draft);
  References hosts("host", names.hosts, problems);
  References resources("resource", names.resources, problems);
  check_voters(draft, hosts, problems);
  for (const HostDraft& host : draft.hosts)
    for (const FenceDraft& device : host.fence) hosts.check(device.cuts, "cuts");
  for (const VmDraft& vm : draft.vms) {
    hosts.check(vm.only, "hosts.only");
    hosts.check(vm.never, "hosts.never");
    std::set<std::string> preferred;
    for (const auto& tie : vm.prefer) {
      for (const LocatedText& host : tie) hosts.check(host, "hosts.prefer", preferred);
    }
    resources.check(vm.after, "after");
  }
  for (const RuleDraft& rule : draft.rules) resources.check(rule.resources, "resources of the rule");
}

}  // namespace haven::file
