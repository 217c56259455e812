// One resource of one host as the executor's parts see it, and what more than one of them does. For executor*.cpp
// alone.
#pragma once

#include <string>

#include "core/executor.hpp"

namespace haven {

class StartSlots;

namespace acting {

// Looked up once.
struct Case {
  const HostState& host;
  const View& view;
  const SelfView& self;
  const Resource& resource;
  Pass& pass;
  const Local& local;
  const ClaimRecord* claim = nullptr;
  const RunRecord* run = nullptr;  // of the claim's generation
  bool sure = false;               // `present` can be relied on
  StartSlots* slots = nullptr;
  Strain strain = Strain::none;  // what the host's promise asks (P3)
};

[[nodiscard]] inline bool present(const Local& local) { return local.domain.has_value() || local.process; }
[[nodiscard]] inline bool runs(const Local& local) {
  return local.domain == DomainCondition::running || local.domain == DomainCondition::starting;
}
[[nodiscard]] inline bool stands_still(const Local& local) {
  return local.domain == DomainCondition::paused || local.domain == DomainCondition::in_migration;
}
[[nodiscard]] bool in_touch(const Case& c);
// The promise's clock has room for a start (C2).
[[nodiscard]] bool has_room(const Case& c);
// The generation whose release was sent, or is about to be (C4).
[[nodiscard]] Generation noted(const Case& c);

[[nodiscard]] Commit run_commit(const Case& c, const RunRecord& run);
[[nodiscard]] RunRecord run_record(const Case& c, RunState state);
void release(const Case& c, EndReason end, std::string detail);
// It is gone. With its disk lost under it only proof releases it: that is said in the record (C7).
void settle(const Case& c, EndReason end, std::string detail);
void destroy_at_once(const Case& c);
// Asked to switch itself off, and destroyed where that does not help in time; at once where it hangs.
void end_in_order(const Case& c);
// It is here, and surely so.
void keep_running(const Case& c);

// It is held to its share of the CPUs, or not any more.
void keep_cap(const Case& c);
// Its network links are as its claim says, and its record says so.
void keep_links(const Case& c);
// It is not here, and starts without links from now on, which its record is to say. True: that is being written.
[[nodiscard]] bool records_absent_links(const Case& c);
// Before it is sent elsewhere, for a cap goes along: true until it is off, or libvirt would not.
[[nodiscard]] bool takes_cap_off(const Case& c);

// ---- checks (executor_health.cpp) ----
// Its checks are run, or not, as its state has it.
void keep_attendance(const Case& c);
// It runs here by its record, and surely so: what its checks say is recorded, and what is to be done is.
void tend(const Case& c);
// The first half of that alone, for what is frozen. True: it was recorded already.
bool record_health(const Case& c);
// Its guest is to be started anew for its checks' sake, by the record.
[[nodiscard]] bool is_restarting(const Case& c);
// Ends it for that; one that hangs is not asked.
void end_to_restart(const Case& c);
// What stands of its health in the record of another start of it.
[[nodiscard]] HealthNote note_of_start(const Case& c);

// ---- the source of a migration ----
[[nodiscard]] inline bool is_sending(const Local& local) { return local.migrate_in_flight || local.migrating; }
// Libvirt said that all of it went over, and that was not called off in the record.
[[nodiscard]] bool has_left(const Case& c);
// It is on its way: let it go on, or call it off.
void keep_sending(const Case& c);
// A migration stands in the claim, nothing is on its way, and this host has not said that it stays.
void keep_migrating(const Case& c);

// Its host shuts down, and it runs on until the controller has said what becomes of it, or it is over there.
[[nodiscard]] bool evacuates(const Case& c);
void evacuate(const Case& c);

// ---- its destination ----
// The claim, which is another's, names this boot as the destination.
[[nodiscard]] bool arrives_here(const Case& c);
void arrive(const Case& c);
// The claim is this boot's, and what stands here may have come by migration.
[[nodiscard]] bool arrived_here(const Case& c);
// What is present under the claim of this boot: false while it is being resumed, or destroyed to be started anew.
[[nodiscard]] bool take_up(const Case& c);
// It runs, and what was said of its arrival is not needed any more.
void record_running(const Case& c);

}  // namespace acting
}  // namespace haven
