// Hosts among themselves, and what each VM asks of them.
#include <algorithm>
#include <set>

#include "file/draft.hpp"

namespace haven::file {
namespace {

bool contains(const std::vector<LocatedText>& list, const std::string& name) {
  return std::any_of(list.begin(), list.end(), [&](const LocatedText& e) { return e.value == name; });
}

void check_addresses(const Draft& draft, Problems& problems) {
  std::map<std::string, std::pair<const HostDraft*, int>> seen;  // address -> host, line
  for (const HostDraft& h : draft.hosts) {
    std::set<std::string> links;
    for (const LocatedText& link : h.links) {
      if (!links.insert(link.value).second)
        problems.add(link.at, in_quotes(link.value) + " stands twice in links", "each address once");
    }
    std::vector<LocatedText> all = h.links;
    if (h.address && !contains(all, h.address->value)) all.push_back(*h.address);
    for (const LocatedText& address : all) {
      const auto [first, is_new] = seen.emplace(address.value, std::pair(&h, address.at.line));
      if (is_new || first->second.first == &h) continue;
      problems.add(address.at,
                   "address " + in_quotes(address.value) + " belongs to host " + first->second.first->host.name.str() +
                       " in line " + std::to_string(first->second.second),
                   "an address of its own for each host");
    }
  }
}

bool allowed(const VmDraft& vm, const std::string& host) {
  return (vm.only.empty() || contains(vm.only, host)) && !contains(vm.never, host);
}

void check_host_rules(const Draft& draft, const VmDraft& vm, Problems& problems) {
  for (const LocatedText& host : vm.only) {
    if (contains(vm.never, host.value)) {
      problems.add(host.at, "hosts.only and hosts.never both name " + in_quotes(host.value),
                   "each host in one of them");
    }
  }
  for (const auto& tie : vm.prefer) {
    for (const LocatedText& host : tie) {
      if (allowed(vm, host.value)) continue;
      const std::string by =
          contains(vm.never, host.value) ? "hosts.never excludes it" : "hosts.only does not allow it";
      problems.add(host.at, "hosts.prefer names " + in_quotes(host.value) + ", but " + by,
                   "only hosts that the vm may run on");
    }
  }
  const bool any = std::any_of(draft.hosts.begin(), draft.hosts.end(),
                               [&](const HostDraft& h) { return allowed(vm, h.host.name.str()); });
  if (!any && !draft.hosts.empty() && vm.only.empty()) {
    problems.add(vm.hosts_at, "hosts.never excludes every host", "at least one host that the vm may run on");
  }
}

// A size of 0 is not known, or was refused already: nothing follows from it.
void check_fits(const Draft& draft, const VmDraft& vm, Problems& problems) {
  if (vm.resource.state != DesiredState::started) return;
  double most_cpu = 0;
  MiB most_memory;
  bool cpu_known = vm.resource.cpu.count > 0, memory_known = vm.resource.memory.count > 0;
  bool any = false;
  for (const HostDraft& h : draft.hosts) {
    if (!allowed(vm, h.host.name.str())) continue;
    any = true;
    cpu_known = cpu_known && h.host.cpu.count > 0;
    memory_known = memory_known && h.host.memory.count > 0;
    const Capacity capacity = capacity_of(h.host, draft.cluster.cluster);
    most_cpu = std::max(most_cpu, capacity.cpu);
    most_memory = std::max(most_memory, capacity.memory);
  }
  if (!any) return;
  const std::string name = "vm " + in_quotes(vm.resource.name.str());
  if (memory_known && vm.resource.memory > most_memory) {
    problems.add(vm.memory_at,
                 name + " needs " + format_size(vm.resource.memory) +
                     " of memory; the largest host it may run on has " + format_size(most_memory),
                 "at most " + format_size(most_memory) + ", or a larger host");
  }
  if (cpu_known && static_cast<double>(vm.resource.cpu.count) > most_cpu) {
    const std::string most = std::to_string(static_cast<std::int64_t>(most_cpu));
    problems.add(vm.cpu_at,
                 name + " needs " + std::to_string(vm.resource.cpu.count) +
                     " vCPUs; the largest host it may run on has " + most + " (CPUs less keep, times cpu_overcommit)",
                 "at most " + most + ", or a larger host");
  }
}

// Depth first in the file's order; the entry that closes the circle is the one named.
class Cycles {
 public:
  Cycles(const Draft& draft, Problems& problems)
      : draft_(draft), problems_(problems), state_(draft.vms.size(), State::unseen) {
    for (std::size_t i = 0; i < draft.vms.size(); ++i) index_.emplace(draft.vms[i].resource.name.str(), i);
  }
  void check() {
    for (std::size_t i = 0; i < draft_.vms.size(); ++i) {
      if (state_[i] == State::unseen) walk(i);
    }
  }

 private:
  enum class State { unseen, open, closed };
  struct Frame {
    std::size_t vm;
    std::size_t next = 0;
  };

  // A stack of our own: a file may chain more VMs than the thread's stack has room for.
  void walk(std::size_t start) {
    std::vector<Frame> stack{{start}};
    state_[start] = State::open;
    while (!stack.empty()) {
      Frame& frame = stack.back();
      const std::vector<LocatedText>& after = draft_.vms[frame.vm].after;
      if (frame.next == after.size()) {
        state_[frame.vm] = State::closed;
        stack.pop_back();
        continue;
      }
      const LocatedText& entry = after[frame.next++];
      const auto found = index_.find(entry.value.substr(0, entry.value.find('#')));
      if (found == index_.end()) continue;
      if (state_[found->second] == State::open) {
        report(stack, found->second, entry.at);
      } else if (state_[found->second] == State::unseen) {
        state_[found->second] = State::open;
        stack.push_back({found->second});
      }
    }
  }

  void report(const std::vector<Frame>& stack, std::size_t to, Position at) {
    std::string circle;
    bool inside = false;
    for (const Frame& frame : stack) {
      inside = inside || frame.vm == to;
      if (inside) circle += draft_.vms[frame.vm].resource.name.str() + " after ";
    }
    circle += draft_.vms[to].resource.name.str();
    problems_.add(at, "after goes in a circle: " + circle, "an order that ends: take one of these entries out");
  }

  const Draft& draft_;
  Problems& problems_;
  std::vector<State> state_;
  std::map<std::string, std::size_t> index_;
};

}  // namespace

void check_hosts(const Draft& draft, Problems& problems) {
  const auto& reserve = draft.cluster.reserve;
  if (reserve && !draft.hosts.empty() && reserve->value >= static_cast<std::int64_t>(draft.hosts.size())) {
    const std::string most = std::to_string(draft.hosts.size() - 1);
    problems.add(reserve->at,
                 "reserve is " + std::to_string(reserve->value) + " of " + std::to_string(draft.hosts.size()) +
                     " host(s): nothing would be left",
                 draft.hosts.size() == 1 ? "0 with one host" : "at most " + most);
  }
  for (const HostDraft& h : draft.hosts) {
    if (h.host.cpu.count > 0 && h.host.keep_cpu > h.host.cpu) {
      problems.add(
          h.keep_at,
          "keep takes " + std::to_string(h.host.keep_cpu.count) + " of " + std::to_string(h.host.cpu.count) + " CPUs",
          "less than the host has");
    }
    if (h.host.memory.count > 0 && h.host.keep_memory > h.host.memory) {
      problems.add(h.keep_at,
                   "keep takes " + format_size(h.host.keep_memory) + " of " + format_size(h.host.memory) + " of memory",
                   "less than the host has");
    }
  }
  check_addresses(draft, problems);
}

void check_placement(const Draft& draft, Problems& problems) {
  for (const VmDraft& vm : draft.vms) {
    check_host_rules(draft, vm, problems);
    check_fits(draft, vm, problems);
  }
  Cycles(draft, problems).check();
}

}  // namespace haven::file
