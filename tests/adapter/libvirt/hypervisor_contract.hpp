// One suite for every port::Hypervisor: what src/port/hypervisor.hpp promises, tried. A bench brings the hypervisor and
// the faults; INSTANTIATE_TEST_SUITE_P names the benches.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "adapter/libvirt/heard.hpp"
#include "port/hypervisor.hpp"

namespace haven::testing {

class HypervisorBench {
 public:
  virtual ~HypervisorBench() = default;
  virtual port::Hypervisor& hypervisor() = 0;
  virtual Heard& heard() = 0;
  virtual std::string domain(const std::string& uuid, const std::string& name) = 0;
  virtual std::string refused_domain(const std::string& uuid,
                                     const std::string& name) = 0;  // well-formed; cannot start
  virtual bool obeys_shutdown() = 0;
  virtual void freeze_libvirt() = 0;
  virtual void thaw_libvirt() = 0;
  virtual void kill_libvirt() = 0;
  virtual void start_libvirt() = 0;
  virtual void end_guest(const std::string& uuid, const std::string& name) = 0;  // SIGKILL behind everybody's back
  // False: libvirt sometimes misses that a domain of this driver ended, and then the hypervisor has to find out.
  virtual bool tells_every_end() = 0;
  virtual void pause(const std::string& uuid) = 0;
};

using MakeBench = std::function<std::unique_ptr<HypervisorBench>()>;
struct NamedBench {
  std::string name;
  MakeBench make;
};
inline void PrintTo(const NamedBench& bench, std::ostream* out) { *out << bench.name; }
inline std::string bench_name(const ::testing::TestParamInfo<NamedBench>& info) { return info.param.name; }

class HypervisorContract : public ::testing::TestWithParam<NamedBench> {
 protected:
  static constexpr Duration kPatience = 20s;
  const std::string uuid = "aaaaaaaa-0000-4000-8000-000000000001";
  const std::string other_uuid = "aaaaaaaa-0000-4000-8000-000000000002";

  void SetUp() override { bench = GetParam().make(); }

  CallId next() { return CallId{++last_call}; }
  Heard& heard() { return bench->heard(); }
  port::Hypervisor& hypervisor() { return bench->hypervisor(); }

  port::CallDone answer(CallId call, Duration patience = kPatience) {
    const auto done = heard().first<port::CallDone>([&](const auto& event) { return event.call == call; }, patience);
    EXPECT_TRUE(done) << "call " << call.count << " was not answered";
    return done.value_or(port::CallDone{call, port::CallResult::unknown, "not answered"});
  }
  port::CallDone start(const std::string& xml, Duration timeout = kPatience) {
    const auto call = next();
    hypervisor().start(call, xml, timeout);
    return answer(call);
  }
  port::CallDone destroy(const std::string& id) {
    const auto call = next();
    hypervisor().destroy(call, id, kPatience);
    return answer(call);
  }
  port::Inspected inspect(Duration timeout = kPatience) {
    const auto call = next();
    hypervisor().inspect(call, timeout, {});
    const auto seen = heard().first<port::Inspected>([&](const auto& event) { return event.call == call; }, kPatience);
    EXPECT_TRUE(seen) << "an inspect was not answered";
    return seen.value_or(port::Inspected{call, false, {}, {}});
  }
  // Looks until libvirt says that the domain is in this state. Events are only hints to look.
  bool becomes(const std::string& id, port::DomainState state) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    do {
      const auto seen = inspect();
      if (seen.reached && state_in(seen, id) == state) return true;
    } while (std::chrono::steady_clock::now() < deadline);
    return false;
  }
  // Looks until it has no process and libvirt has noticed, or at least the hypervisor has and a destroy clears it up.
  bool ends(const std::string& id, const std::string& name, Duration patience = kPatience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    do {
      const auto seen = inspect();
      if (!seen.reached || process_in(seen, id, name) != 0) continue;
      if (state_in(seen, id) == port::DomainState::absent) return true;
      if (state_in(seen, id) == port::DomainState::crashed && destroy(id).result == port::CallResult::done)
        return state_in(inspect(), id) == port::DomainState::absent;
    } while (std::chrono::steady_clock::now() < deadline);
    return false;
  }
  bool told(const std::string& id, port::LifecycleKind kind) {
    return heard()
        .first<port::Lifecycle>([&](const auto& event) { return event.uuid == id && event.kind == kind; }, kPatience)
        .has_value();
  }
  static port::DomainState state_in(const port::Inspected& seen, const std::string& id) {
    const auto found = std::ranges::find(seen.domains, id, &port::Domain::uuid);
    return found == seen.domains.end() ? port::DomainState::absent : found->state;
  }
  // The process that runs it; 0: none.
  static int process_in(const port::Inspected& seen, const std::string& id, const std::string& name) {
    const auto found = std::ranges::find_if(seen.processes, [&](const auto& process) {
      return process.uuid == id || (process.uuid.empty() && process.name == name);
    });
    return found == seen.processes.end() ? 0 : found->pid;
  }

  std::unique_ptr<HypervisorBench> bench;
  std::uint64_t last_call = 0;
};

TEST_P(HypervisorContract, StartsADomainAndForgetsItOnceItIsDestroyed) {
  EXPECT_EQ(start(bench->domain(uuid, "web1")).result, port::CallResult::done);
  const auto running = inspect();
  EXPECT_TRUE(running.reached);
  EXPECT_EQ(state_in(running, uuid), port::DomainState::running);
  EXPECT_NE(process_in(running, uuid, "web1"), 0);
  EXPECT_TRUE(told(uuid, port::LifecycleKind::started));

  EXPECT_EQ(destroy(uuid).result, port::CallResult::done);
  const auto gone = inspect();
  EXPECT_TRUE(gone.reached);
  EXPECT_EQ(state_in(gone, uuid), port::DomainState::absent);
  EXPECT_EQ(process_in(gone, uuid, "web1"), 0);
  EXPECT_TRUE(told(uuid, port::LifecycleKind::destroyed));
}

TEST_P(HypervisorContract, RefusesBrokenXmlWithAReasonAndLeavesNothing) {
  for (const std::string& xml : {std::string("<domain type='qemu'><name>web1"), bench->refused_domain(uuid, "web1")}) {
    const auto done = start(xml);
    EXPECT_EQ(done.result, port::CallResult::failed) << xml;
    EXPECT_NE(done.message, "") << xml;
  }
  const auto seen = inspect();
  EXPECT_TRUE(seen.reached);
  EXPECT_EQ(state_in(seen, uuid), port::DomainState::absent);
  EXPECT_EQ(process_in(seen, uuid, "web1"), 0);
}

TEST_P(HypervisorContract, RefusesASecondStartAndLeavesTheFirstAsItIs) {
  ASSERT_EQ(start(bench->domain(uuid, "web1")).result, port::CallResult::done);
  const int pid = process_in(inspect(), uuid, "web1");
  const auto again = start(bench->domain(uuid, "web1"));
  EXPECT_EQ(again.result, port::CallResult::failed);
  EXPECT_NE(again.message, "");
  const auto seen = inspect();
  EXPECT_EQ(state_in(seen, uuid), port::DomainState::running);
  EXPECT_EQ(process_in(seen, uuid, "web1"), pid);
}

TEST_P(HypervisorContract, DestroyAndKillOfWhatIsAbsentAreDone) {
  EXPECT_EQ(destroy(uuid).result, port::CallResult::done);
  const auto call = next();
  hypervisor().kill(call, uuid, "web1", kPatience);
  EXPECT_EQ(answer(call).result, port::CallResult::done);
}

TEST_P(HypervisorContract, ShutdownAndResumeOfWhatIsAbsentFail) {
  const auto shutdown = next();
  hypervisor().shutdown(shutdown, uuid, kPatience);
  EXPECT_EQ(answer(shutdown).result, port::CallResult::failed);
  const auto resume = next();
  hypervisor().resume(resume, uuid, kPatience);
  EXPECT_EQ(answer(resume).result, port::CallResult::failed);
}

TEST_P(HypervisorContract, AProcessThatEndsByItselfIsToldAndGone) {
  ASSERT_EQ(start(bench->domain(uuid, "web1")).result, port::CallResult::done);
  bench->end_guest(uuid, "web1");
  EXPECT_TRUE(ends(uuid, "web1"));
  if (!bench->tells_every_end()) return;
  EXPECT_TRUE(heard().first<port::Lifecycle>(
      [&](const auto& event) {
        return event.uuid == uuid &&
               (event.kind == port::LifecycleKind::failed || event.kind == port::LifecycleKind::crashed);
      },
      kPatience));
}

TEST_P(HypervisorContract, ShutdownIsDoneOnceTheGuestWasAsked) {
  ASSERT_EQ(start(bench->domain(uuid, "web1")).result, port::CallResult::done);
  // A guest that is not up yet may miss the first, and a container cannot be told before its init has come up.
  bool asked = false;
  bool off = false;
  for (int i = 0; i < 20 && !off && !(asked && !bench->obeys_shutdown()); ++i) {
    const auto call = next();
    hypervisor().shutdown(call, uuid, kPatience);
    asked = answer(call).result == port::CallResult::done || asked;
    if (bench->obeys_shutdown()) off = ends(uuid, "web1", 300ms);
  }
  EXPECT_TRUE(asked);
  EXPECT_EQ(off, bench->obeys_shutdown());
  if (!off) {
    EXPECT_EQ(state_in(inspect(), uuid), port::DomainState::running);
  } else if (bench->tells_every_end()) {
    EXPECT_TRUE(told(uuid, port::LifecycleKind::powered_off));
  }
}

TEST_P(HypervisorContract, ResumesAPausedDomain) {
  ASSERT_EQ(start(bench->domain(uuid, "web1")).result, port::CallResult::done);
  bench->pause(uuid);
  EXPECT_TRUE(told(uuid, port::LifecycleKind::paused));
  EXPECT_TRUE(becomes(uuid, port::DomainState::paused));
  const auto call = next();
  hypervisor().resume(call, uuid, kPatience);
  EXPECT_EQ(answer(call).result, port::CallResult::done);
  EXPECT_TRUE(told(uuid, port::LifecycleKind::resumed));
  EXPECT_TRUE(becomes(uuid, port::DomainState::running));
}

TEST_P(HypervisorContract, AHungLibvirtCostsItsCallersTheirTimeoutsAndNothingElse) {
  ASSERT_EQ(start(bench->domain(uuid, "web1")).result, port::CallResult::done);
  bench->freeze_libvirt();
  const auto begin = std::chrono::steady_clock::now();
  const auto unanswered = next();
  hypervisor().start(unanswered, bench->domain(other_uuid, "web2"), 400ms);
  const auto seen_call = next();
  hypervisor().inspect(seen_call, 400ms, {});
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 200ms) << "the caller was held up";

  // `unknown` if it had gone out, `failed` if it had not and now never will.
  const auto given_up = answer(unanswered).result;
  EXPECT_NE(given_up, port::CallResult::done);
  const auto seen =
      heard().first<port::Inspected>([&](const auto& event) { return event.call == seen_call; }, kPatience);
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_GE(took, 390ms);
  EXPECT_LT(took, 1500ms);
  ASSERT_TRUE(seen);
  EXPECT_FALSE(seen->reached);
  EXPECT_TRUE(seen->domains.empty());
  EXPECT_NE(process_in(*seen, uuid, "web1"), 0) << "processes are seen without libvirt";
  bench->thaw_libvirt();
  EXPECT_TRUE(becomes(uuid, port::DomainState::running));
  const auto late = given_up == port::CallResult::failed ? port::DomainState::absent : port::DomainState::running;
  EXPECT_TRUE(becomes(other_uuid, late));
}

TEST_P(HypervisorContract, KillsByPidWhileLibvirtHangs) {
  ASSERT_EQ(start(bench->domain(uuid, "web1")).result, port::CallResult::done);
  bench->freeze_libvirt();
  const auto call = next();
  hypervisor().kill(call, uuid, "web1", kPatience);
  const auto done = answer(call);
  EXPECT_EQ(done.result, port::CallResult::done) << done.message;
  EXPECT_EQ(process_in(inspect(200ms), uuid, "web1"), 0);
  bench->thaw_libvirt();
  EXPECT_TRUE(ends(uuid, "web1"));
}

TEST_P(HypervisorContract, AStartThatWasGivenUpAndCompletesLateIsSeen) {
  EXPECT_TRUE(inspect().reached);  // so that the call goes out on a connection that stands
  bench->freeze_libvirt();
  EXPECT_EQ(start(bench->domain(uuid, "web1"), 300ms).result, port::CallResult::unknown);
  EXPECT_EQ(process_in(inspect(200ms), uuid, "web1"), 0);
  bench->thaw_libvirt();
  EXPECT_TRUE(told(uuid, port::LifecycleKind::started));
  EXPECT_TRUE(becomes(uuid, port::DomainState::running));
  EXPECT_NE(process_in(inspect(), uuid, "web1"), 0);
  EXPECT_EQ(heard().count<port::CallDone>([&](const auto& event) { return event.call == CallId{2}; }), 1U);
}

TEST_P(HypervisorContract, ACallThatWasOutWhenLibvirtDiedIsUnknownAtOnce) {
  EXPECT_TRUE(inspect().reached);
  bench->freeze_libvirt();
  const auto call = next();
  hypervisor().start(call, bench->domain(uuid, "web1"), kPatience);
  EXPECT_FALSE(heard().first<port::CallDone>([&](const auto& event) { return event.call == call; }, 200ms));
  const auto begin = std::chrono::steady_clock::now();
  bench->kill_libvirt();
  const auto done = answer(call);
  EXPECT_EQ(done.result, port::CallResult::unknown) << done.message;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, kPatience / 2);
  bench->start_libvirt();
}

TEST_P(HypervisorContract, ALibvirtThatIsKilledAndComesBackFindsItsDomainAgain) {
  ASSERT_EQ(start(bench->domain(uuid, "web1")).result, port::CallResult::done);
  const int pid = process_in(inspect(), uuid, "web1");
  bench->kill_libvirt();
  EXPECT_TRUE(heard().first<port::ConnectionLost>([](const auto&) { return true; }, kPatience));
  const auto meanwhile = inspect();
  EXPECT_FALSE(meanwhile.reached);
  EXPECT_EQ(process_in(meanwhile, uuid, "web1"), pid);
  // A worker whose connection has not noticed yet cannot tell what came through; after that nothing is sent.
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  auto refused = start(bench->domain(other_uuid, "web2"));
  while (refused.result == port::CallResult::unknown && std::chrono::steady_clock::now() < deadline)
    refused = start(bench->domain(other_uuid, "web2"));
  EXPECT_EQ(refused.result, port::CallResult::failed) << "it was never sent";

  bench->start_libvirt();
  EXPECT_TRUE(heard().first<port::ConnectionBack>([](const auto&) { return true; }, kPatience));
  EXPECT_TRUE(becomes(uuid, port::DomainState::running));
  EXPECT_EQ(process_in(inspect(), uuid, "web1"), pid);
  EXPECT_EQ(state_in(inspect(), other_uuid), port::DomainState::absent);
}

TEST_P(HypervisorContract, CallsBeyondWhatMayHangAreAnsweredInTimeToo) {
  ASSERT_EQ(start(bench->domain(uuid, "web1")).result, port::CallResult::done);
  bench->freeze_libvirt();
  std::vector<CallId> calls;
  for (int i = 0; i < 40; ++i) {
    calls.push_back(next());
    hypervisor().resume(calls.back(), uuid, 300ms);
  }
  for (const auto call : calls) EXPECT_NE(answer(call).result, port::CallResult::done);
  bench->thaw_libvirt();
  EXPECT_TRUE(becomes(uuid, port::DomainState::running));
  for (const auto call : calls)
    EXPECT_EQ(heard().count<port::CallDone>([&](const auto& event) { return event.call == call; }), 1U);
}

TEST_P(HypervisorContract, SeveralDomainsStartAtOnceAndEachCallIsAnsweredOnce) {
  const std::vector<std::string> uuids{uuid, other_uuid, "aaaaaaaa-0000-4000-8000-000000000003"};
  std::vector<CallId> calls;
  for (std::size_t i = 0; i < uuids.size(); ++i) {
    calls.push_back(next());
    hypervisor().start(calls.back(), bench->domain(uuids[i], "web" + std::to_string(i)), kPatience);
  }
  for (const auto call : calls) EXPECT_EQ(answer(call).result, port::CallResult::done);
  const auto seen = inspect();
  for (const auto& id : uuids) EXPECT_EQ(state_in(seen, id), port::DomainState::running);
  for (const auto call : calls)
    EXPECT_EQ(heard().count<port::CallDone>([&](const auto& event) { return event.call == call; }), 1U);
}

}  // namespace haven::testing
