// Holds every step of a simulated run to the promises of DESIGN 1, on the truth and on what is recorded.
//
// never-twice: no resource has a process on two powered machines; a paused or frozen one counts, it may go on.
// M2: what came in live goes on only where its source did not go beyond it. M3: nothing runs beside what came in live
// elsewhere, but the source while its claim names that migration.
// one-address: of a predecessor and its successor never both have their network links up, paused or not.
// F6: a boot that is proved dead runs nothing, from the proof on.
// F1: no agent switches anything off for a boot before an intent against it has outlasted its grace.
// F7, F8: no host that is well, stands unaccused and may be given something is switched off by an agent, whoever called
// it and for whichever boot.
// F4: no host that was well loses its power beside another one that is fenced.
// needless-fence: no host is shot that was on, not hung, joined to the engine and with a living havend during the whole
// lease and grace before; unless its guest would not stop and the file says so (B2).
// acknowledged: what was ordered and accepted stays so until somebody orders something else.
// The rest are the predicates of core/invariant.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "core/invariant.hpp"
#include "core/model/view.hpp"
#include "sim/outcome.hpp"
#include "sim/scenario.hpp"
#include "sim/timeline.hpp"

namespace haven::sim {

class Checker {
 public:
  // The truth that it asks for.
  struct Facts {
    std::function<std::vector<HostName>(const ResourceName&)> hosts_of;   // powered machines with a process of it
    std::function<std::vector<HostName>(const ResourceName&)> copies_of;  // where it came in live and never ran
    std::function<std::vector<HostName>(const ResourceName&)> linked_on;  // where its network links are up
    std::function<std::vector<ResourceName>(const HostName&, const Incarnation&)> running_on;  // of that boot
    std::function<std::optional<Duration>(const HostName&, const Incarnation&)> healthy_for;   // nullopt: it is not
    std::function<Incarnation(const HostName&)> boot_of;
    std::function<std::vector<Order>()> orders;  // accepted, and the last about what they are about
  };
  Checker(const Timeline& timeline, Facts facts) : timeline_(timeline), facts_(std::move(facts)) {}

  // The engine has committed this.
  void committed(const EngineChanged& commit);
  // A process appeared, or goes on.
  void process_runs(const ResourceName& resource, const HostName& host);
  // The network links of a process went up or down.
  void links_changed(const ResourceName& resource);
  // A node that decides by marks did something else than one that derives everything (sim/twin).
  void differs(std::string words) { violated("marks", {}, {}, std::move(words)); }

  // Somebody in the world saw a rule broken.
  void breach(const std::string& rule, const HostName& host, const std::string& text) {
    violated(rule, {}, {host}, text);
  }
  // A fence agent is called to switch this boot off.
  void agent_called(const HostName& host, const Incarnation& boot);
  // An agent's device has switched off a host that had been well for so long.
  void shot_landed(const HostName& host, std::optional<Duration> well_for);
  // For how long a host has been well.
  [[nodiscard]] std::optional<Duration> well_for(const HostName& host, const Incarnation& boot) const {
    return facts_.healthy_for(host, boot);
  }
  // An agent against `fenced` took the power of this host too, which had been well for so long.
  void died_beside(const HostName& host, const HostName& fenced, std::optional<Duration> well_for);

  [[nodiscard]] const View& view() const { return view_; }
  [[nodiscard]] const std::vector<Violation>& violations() const { return violations_; }

 private:
  void violated(std::string rule, const ResourceName& resource, std::vector<HostName> hosts, std::string text);
  void judge_orders(const EngineChanged& commit);
  void judge_copies(const ResourceName& resource, const HostName& host);
  void judge_fence(const HostBoot& boot, const FenceRecord& fence, const FenceRecord* before);

  const Timeline& timeline_;
  Facts facts_;
  View view_;
  std::vector<Violation> violations_;
  std::set<HostBoot> shot_;  // intents whose grace has ended at some time
};

}  // namespace haven::sim
