// One node on a test bench: its clock is turned by hand, its engine is the simulator's store, its hypervisor and its
// fence devices are a few maps. Everything is answered at once unless the story says otherwise. The other hosts are
// records in the engine that do as they are told.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/controller.hpp"
#include "core/executor.hpp"
#include "core/node.hpp"
#include "core/placement/small_cluster.hpp"
#include "core/session.hpp"
#include "sim/store.hpp"

namespace haven {

template <class Tag>
void PrintTo(const Name<Tag>& name, std::ostream* out) {
  *out << name.str();
}

namespace story {

inline HostName h(const std::string& name) { return HostName(name); }
inline ResourceName r(const std::string& name) { return ResourceName(name); }
inline MachineIdentity machine_of(const HostName& host) { return {"machine-of-" + host.str(), "dmi-of-" + host.str()}; }
// The boot that every host begins a story with.
inline Incarnation boot_of(const HostName& host) { return Incarnation("first-boot-of-" + host.str()); }
inline const HostName kSelf{"h1"};

// Hosts h1..h3 with room for anything and one fence device each.
Spec three_hosts(std::vector<Resource> resources, std::vector<Rule> rules = {});
FenceDevice device(int level = 1, const std::string& agent = "fence_story");

using Matches = std::function<bool(const Action&)>;
template <class Kind>
Matches every() {
  return [](const Action& action) { return std::holds_alternative<Kind>(action); };
}
// Commits of this lane, or of all lanes that begin with it where it ends in "/".
Matches lane(const std::string& name);
Matches anything();

class Bench {
 public:
  // The file is applied, h2 and h3 have joined; h1's havend has not begun.
  explicit Bench(Spec spec);

  // ---- the story's course ----
  void boot();                           // havend begins on h1; all has settled
  void restart_havend();                 // the same boot; what was under way is lost
  void reboot(const Incarnation& next);  // another boot: nothing runs, no notes
  void settle();                         // until nothing happens without time
  void run_for(Duration time);           // turns when the node asks for it, leases expire
  void pass_time(Duration time);         // the clock goes on, the node sleeps
  void tell(const Event& event);         // and settle
  void tell_only(const Event& event);    // one step, nothing else happens
  void say(OperatorVerb verb, const std::string& resource, const std::string& host = "", bool force = false);
  void freeze(const std::string& name, bool on = true);
  bool hook(const std::string& resource, bool migration = false, bool without_links = false);

  // ---- what is not answered ----
  void hold(Matches which) { held_back_ = std::move(which); }    // kept in `held`, for the story to answer
  void silence(Matches which) { silenced_ = std::move(which); }  // answered as unknown when the time-out is over
  void release_holds();                                          // nothing is held or silenced any more
  template <class Kind>
  std::vector<Issued> held_of() const {
    std::vector<Issued> found;
    for (const auto& issued : held)
      if (std::holds_alternative<Kind>(issued.action)) found.push_back(issued);
    return found;
  }
  // The one held call of this kind; taken from `held`.
  template <class Kind>
  Issued take_held() {
    for (auto it = held.begin(); it != held.end(); ++it) {
      if (!std::holds_alternative<Kind>(it->action)) continue;
      Issued issued = *it;
      held.erase(it);
      return issued;
    }
    ADD_FAILURE() << "nothing of that kind is held";
    return {};
  }
  Event effect(const Issued& issued);  // does it, and hands out the answer
  void answer(const Issued& issued) { tell(effect(issued)); }

  // ---- what the node did ----
  template <class Kind>
  std::vector<Kind> did() const {
    std::vector<Kind> found;
    for (const auto& action : log)
      if (const auto* a = std::get_if<Kind>(&action)) found.push_back(*a);
    return found;
  }
  std::vector<Commit> commits(const std::string& lane_name) const;
  bool wrote(const std::string& path) const;
  void forget() { log.clear(); }

  // ---- the engine ----
  Revision put(const std::string& path, Record value, LeaseId lease = {});
  void erase(const std::string& path);
  template <class Kind>
  const Kind* get(const std::string& path) const {
    const auto* entry = engine.find(path);
    return entry == nullptr ? nullptr : std::get_if<Kind>(&entry->value);
  }
  Revision mod(const std::string& path) const;
  const ClaimRecord* claim(const std::string& resource) const { return get<ClaimRecord>(path::claim(r(resource))); }
  const RunRecord* run(const std::string& resource) const { return get<RunRecord>(path::run(r(resource))); }
  const FenceRecord* fence(const std::string& host) const { return fence(host, boot_of(h(host))); }
  const FenceRecord* fence(const std::string& host, const Incarnation& boot) const {
    return get<FenceRecord>(path::fence(h(host), boot));
  }
  void apply(Spec next);
  Spec& spec() { return *spec_; }
  void break_watch();  // the node is told; changes wait
  void mend_watch();

  // ---- other hosts ----
  void join(const std::string& host, std::optional<Incarnation> boot = std::nullopt, bool found_none = true);
  void die(const std::string& host);     // its lease is gone
  void report(const std::string& host);  // what runs there, about this file
  void lead(const std::string& host);    // it holds `leader`
  // The claim and run record of a resource that runs well on this host.
  void running_on(const std::string& host, const std::string& resource, Generation generation = {1});

  sim::Store<Record> engine;
  Now now;
  std::unique_ptr<Node> node;
  NodeConfig config;
  std::vector<Action> log;
  std::vector<Issued> held;
  std::map<ResourceName, DomainCondition> domains;                // of h1
  std::map<ResourceName, MilliCpu> caps;                          // likewise
  std::set<ResourceName> unlinked;                                // of h1's, whose network links are down
  bool links_obey = true;                                         // false: libvirt changes none, and says that it did
  std::set<ResourceName> processes;                               // of h1, that outlive or precede their domain
  std::set<std::string> others;                                   // uuids of what else runs on h1
  Footprint others_take;                                          // and what all of these take
  std::function<DeviceProbed(CallId, const ProbeDevice&)> probe;  // else it tells the truth about `power`
  std::map<ResourceName, CallResult> start_results;
  std::set<ResourceName> disks_lost;                            // of h1
  std::map<HostName, std::vector<ResourceName>> disks_lost_by;  // as others report
  std::set<ResourceName> uplinks_lost;                          // of h1
  std::map<HostName, std::vector<ResourceName>> uplinks_lost_by;
  bool libvirt = true;
  bool immortal = false;           // neither shutdown nor destroy nor SIGKILL ends anything
  std::map<HostName, bool> power;  // false: off
  std::function<std::optional<AgentResult>(const RunAgent&)> agent;
  std::map<HostName, std::vector<ResourceName>> found;  // there, without a claim
  std::set<HostName> failing;                           // starts fail there
  std::set<HostName> lazy;                              // do nothing they are told
  std::map<ResourceName, Generation> notes;
  std::vector<ResourceName> published;
  std::map<CallId, AnswerHook> hook_answers;
  std::vector<AnswerOperator> operator_answers;
  std::uint64_t term = 7;  // the engine's
  VoterList voters{"v1", "v2", "v3"};
  VoterWord voters_say = VoterWord::led;
  bool watchdog = true;  // it can be armed
  std::optional<NotePromise> promise_note;
  bool mute_watch = false;  // changes wait, and the node is told nothing
  bool exited = false, rebooted = false;
  int turns = 0;

 private:
  void take(std::vector<Issued> issued);
  Event unknown(const Issued& issued) const;
  void domain_effect(const Action& action);
  bool deliver_changes();
  bool others_act();
  bool others_migrate(const ResourceName& resource, const ClaimRecord& claim);
  Revision basis() const;

  std::shared_ptr<Spec> spec_;
  std::map<HostName, LeaseId> leases_;
  std::map<HostName, Incarnation> boots_;
  std::deque<Event> events_;
  std::multimap<Instant, Issued> timeouts_;
  Matches held_back_, silenced_;
  bool watch_ = true;
  Revision delivered_;
  std::uint64_t questions_ = 1'000'000;
};

// Records that a story puts together without a node.
class Records {
 public:
  explicit Records(Spec spec) { put(path::kSpec, SpecRecord{std::make_shared<const Spec>(std::move(spec))}); }
  Records& put(const std::string& path, Record value) {
    entries_.push_back({path, std::move(value), {++revision_}});
    return *this;
  }
  Records& unread(const std::string& path) { return put(path, UnreadableRecord{"not JSON"}); }
  Records& member(const std::string& host) {
    MemberRecord record;
    record.incarnation = boot_of(h(host));
    record.machine = machine_of(h(host));
    put(path::member(h(host)), record);
    return put(path::status(h(host)), StatusRecord{boot_of(h(host)), {1'000'000}, true, {}, {}, {}});
  }
  Records& lost(const std::string& host) {
    return put(path::status(h(host)), StatusRecord{boot_of(h(host)), {1'000'000}, true, {}, {}, {}});
  }
  Records& claim(const std::string& resource, const std::string& host, ClaimOrder order = ClaimOrder::run) {
    return put(path::claim(r(resource)), ClaimRecord{h(host), boot_of(h(host)), {1}, order, std::nullopt, {}});
  }
  Records& run(const std::string& resource, const std::string& host, RunState state) {
    RunRecord record;
    record.host = h(host);
    record.incarnation = boot_of(h(host));
    record.generation = {1};
    record.state = state;
    return put(path::run(r(resource)), record);
  }
  [[nodiscard]] EngineListed listed() const {
    std::map<std::string, Entry> last;
    for (const auto& entry : entries_) last[entry.path] = entry;
    EngineListed listing;
    for (const auto& [path, entry] : last) listing.entries.push_back(entry);
    listing.revision = {revision_};
    return listing;
  }
  [[nodiscard]] View view() const {
    View view;
    view.take(listed());
    return view;
  }

 private:
  std::vector<Entry> entries_;
  std::int64_t revision_ = 0;
};

}  // namespace story
}  // namespace haven
