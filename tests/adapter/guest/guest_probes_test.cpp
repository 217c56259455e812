// Guests asked through agents that answer, are silent, refuse and never end; real sockets for the rest.
#include "adapter/guest/guest_probes.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "peer.hpp"

namespace haven::adapter::guest {
namespace {

using haven::testing::Peer;
using haven::testing::Visitor;
using Kind = AgentReply::Kind;

struct Guests {
  using Agent = std::function<AgentReply(const std::string& uuid, const std::string& command, Duration patience)>;
  explicit Guests(Agent agent)
      : probes(
            {[this, agent = std::move(agent)](auto&, const std::string& uuid, const std::string& command,
                                              Duration patience) {
               const int now = ++asking;
               int most = most_at_once;
               while (now > most && !most_at_once.compare_exchange_weak(most, now)) continue;
               AgentReply reply = agent(uuid, command, patience);
               --asking;
               return reply;
             },
             [this](auto&, const std::string&) { return pulse; },
             [](auto&, const std::string&) { return std::optional<std::string>("127.0.0.1"); }},
            [this](port::GuestChecked checked) {
              const std::lock_guard lock(mutex);
              checks[checked.number] = checked.answer;
              changed.notify_all();
            },
            [this](port::CallDone done) {
              const std::lock_guard lock(mutex);
              calls[done.call.count] = done;
              changed.notify_all();
            }) {}
  void ask(const GuestCheck& check, const std::string& uuid = "g") { probes.check(++last, uuid, check); }
  std::optional<CheckAnswer> answer_to(std::uint64_t number, Duration patience = 10s) {
    std::unique_lock lock(mutex);
    if (!changed.wait_for(lock, patience, [&] { return checks.contains(number); })) ADD_FAILURE() << "no answer";
    return checks[number];
  }
  CheckAnswer answer(const GuestCheck& check) {
    ask(check);
    const auto found = answer_to(last);
    EXPECT_TRUE(found) << "it was not asked";
    return found.value_or(CheckAnswer{});
  }
  port::CallDone treat(const std::vector<GuestCommand>& commands, Duration timeout = 5s) {
    probes.treat(CallId{1}, "g", commands, timeout);
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, 10s, [&] { return calls.contains(1); }));
    return calls[1];
  }
  std::optional<GuestPulse> pulse = GuestPulse{1s, 2, 0, false, MiB{99}};
  std::atomic<int> asking{0}, most_at_once{0};
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::uint64_t, std::optional<CheckAnswer>> checks;
  std::map<std::uint64_t, port::CallDone> calls;
  std::uint64_t last = 0;
  GuestProbes probes;
};

AgentReply says(std::string text) { return {Kind::answered, std::move(text)}; }
AgentReply pong(const std::string&, const std::string&, Duration) { return says(R"({"return":{}})"); }
AgentReply mute(const std::string&, const std::string&, Duration patience) {
  std::this_thread::sleep_for(patience);
  return {Kind::silent, "agent not connected"};
}
GuestCheck check_of(CheckKind kind, Duration timeout = 2s) {
  GuestCheck check;
  check.kind = kind;
  check.timeout = timeout;
  check.command = {"/bin/check"};
  return check;
}
// A guest whose commands end so.
Guests::Agent runs(std::string status) {
  return [status](const std::string&, const std::string& command, Duration) {
    return says(command.find("guest-exec-status") != std::string::npos ? status : R"({"return":{"pid":7}})");
  };
}

TEST(GuestProbes, PingTheAgent) {
  Guests guests(pong);
  EXPECT_TRUE(guests.answer(check_of(CheckKind::guest_agent)).passed);
}

TEST(GuestProbes, ASilentAgentIsToldWithTheCounters) {
  Guests guests(mute);
  const auto before = std::chrono::steady_clock::now();
  const CheckAnswer answer = guests.answer(check_of(CheckKind::guest_agent, 300ms));
  EXPECT_FALSE(answer.passed);
  EXPECT_TRUE(answer.silent);
  EXPECT_EQ(answer.pulse, guests.pulse);
  EXPECT_LT(std::chrono::steady_clock::now() - before, 2s);
}

TEST(GuestProbes, ALibvirtThatHangsCostsNobodyHisAnswer) {
  std::atomic<bool> over{false};
  Guests guests([&](const std::string& uuid, const std::string&, Duration) {
    while (uuid == "hangs" && !over) std::this_thread::sleep_for(10ms);
    return says(R"({"return":{}})");
  });
  guests.ask(check_of(CheckKind::guest_agent, 300ms), "hangs");
  guests.ask(check_of(CheckKind::guest_agent), "well");
  EXPECT_TRUE(guests.answer_to(2)->passed);
  const auto late = guests.answer_to(1);
  ASSERT_TRUE(late);
  EXPECT_TRUE(late->silent);
  over = true;
}

TEST(GuestProbes, WhatLibvirtDoesNotLetThemAskIsNoAnswer) {
  Guests guests([](const std::string&, const std::string&, Duration) {
    return AgentReply{Kind::unasked, "the connection is gone"};
  });
  guests.ask(check_of(CheckKind::guest_agent));
  EXPECT_EQ(guests.answer_to(1), std::nullopt);
}

TEST(GuestProbes, OneGuestsAgentIsAskedOneQuestionAtATime) {
  Guests guests([](const std::string&, const std::string&, Duration) {
    std::this_thread::sleep_for(20ms);
    return says(R"({"return":{}})");
  });
  for (int i = 0; i < 10; ++i) guests.ask(check_of(CheckKind::guest_agent));
  for (std::uint64_t i = 1; i <= 10; ++i) EXPECT_TRUE(guests.answer_to(i)->passed);
  EXPECT_EQ(guests.most_at_once, 1);
}

TEST(GuestProbes, ManyThatAreMuteLeaveRoomForThoseThatAnswer) {
  Guests guests([](const std::string& uuid, const std::string& command, Duration patience) {
    return uuid == "well" ? pong(uuid, command, patience) : mute(uuid, command, patience);
  });
  const auto round = [&] {
    for (int i = 0; i < 40; ++i) guests.ask(check_of(CheckKind::guest_agent, 500ms), "mute" + std::to_string(i));
  };
  round();
  for (std::uint64_t i = 1; i <= guests.last; ++i) (void)guests.answer_to(i);
  std::this_thread::sleep_for(600ms);
  round();
  const auto before = std::chrono::steady_clock::now();
  guests.ask(check_of(CheckKind::guest_agent), "well");
  EXPECT_TRUE(guests.answer_to(guests.last)->passed);
  EXPECT_LT(std::chrono::steady_clock::now() - before, 400ms);
}

TEST(GuestProbes, RunACommandAndReadHowItEnded) {
  Guests good(runs(R"({"return":{"exited":true,"exitcode":0,"out-data":"ZmluZQ=="}})"));
  EXPECT_TRUE(good.answer(check_of(CheckKind::exec)).passed);
  GuestCheck wanting = check_of(CheckKind::exec);
  wanting.contains = "fine";
  EXPECT_TRUE(good.answer(wanting).passed);
  wanting.contains = "better";
  EXPECT_FALSE(good.answer(wanting).passed);
  Guests bad(runs(R"({"return":{"exited":true,"exitcode":2,"err-data":"bm8gZGF0YWJhc2UK"}})"));
  EXPECT_EQ(bad.answer(check_of(CheckKind::exec)).said, "exit status 2: no database");
  Guests killed(runs(R"({"return":{"exited":true,"signal":11}})"));
  EXPECT_EQ(killed.answer(check_of(CheckKind::exec)).said, "ended by signal 11");
  Guests undefined(runs(R"({"return":{"exited":true,"exitcode":4711}})"));
  EXPECT_EQ(undefined.answer(check_of(CheckKind::exec)).said, "exit status 4711");
}

TEST(GuestProbes, ACommandThatNeverEndsIsSilence) {
  Guests guests(runs(R"({"return":{"exited":false}})"));
  EXPECT_TRUE(guests.answer(check_of(CheckKind::exec, 300ms)).silent);
}

TEST(GuestProbes, ACommandThatCannotBeBegunIsAnAnswer) {
  Guests guests([](const std::string&, const std::string&, Duration) {
    return AgentReply{Kind::said_no, "no such file or directory"};
  });
  const CheckAnswer answer = guests.answer(check_of(CheckKind::exec));
  EXPECT_FALSE(answer.passed);
  EXPECT_FALSE(answer.silent);
  EXPECT_EQ(answer.said, "no such file or directory");
}

TEST(GuestProbes, AnAgentThatSaysNonsenseIsWrong) {
  Guests guests([](const std::string&, const std::string&, Duration) { return says("\xff\xfe nonsense"); });
  EXPECT_FALSE(guests.answer(check_of(CheckKind::guest_agent)).passed);
  EXPECT_FALSE(guests.answer(check_of(CheckKind::exec)).passed);
}

TEST(GuestProbes, CountMemoryAndDisks) {
  Guests guests([](const std::string&, const std::string&, Duration) {
    return says(R"({"return":[{"name":"vda","stats":{"ios-pgr":2}}]})");
  });
  EXPECT_EQ(guests.answer(check_of(CheckKind::memory)).pulse->available, MiB{99});
  const CheckAnswer disks = guests.answer(check_of(CheckKind::disk_io));
  EXPECT_TRUE(disks.passed);
  EXPECT_TRUE(disks.pulse->pending);
}

TEST(GuestProbes, AskSocketsByTheGuestsAddress) {
  Guests guests(pong);
  Peer peer([](const Visitor& who) {
    who.hear("\r\n\r\n");
    who.send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
  });
  GuestCheck tcp = check_of(CheckKind::tcp);
  tcp.port = peer.port();
  EXPECT_TRUE(guests.answer(tcp).passed);
  GuestCheck http = check_of(CheckKind::http);
  http.url = "/health";
  http.port = peer.port();
  EXPECT_EQ(guests.answer(http).said, "it answers with status 503");
  http.status = 503;
  EXPECT_TRUE(guests.answer(http).passed);
  http.url = "http://localhost:" + std::to_string(peer.port()) + "/";
  http.port = 0;
  EXPECT_TRUE(guests.answer(http).passed) << "a name is looked up";
}

TEST(GuestProbes, TreatOneCommandAfterTheOther) {
  std::mutex mutex;
  std::vector<std::string> run;
  Guests guests([&](const std::string&, const std::string& command, Duration) {
    const std::lock_guard lock(mutex);
    if (command.find("status") == std::string::npos) run.push_back(command);
    const bool second = run.back().find("second") != std::string::npos;
    return says(command.find("status") == std::string::npos ? R"({"return":{"pid":1}})"
                : second ? R"({"return":{"exited":true,"exitcode":1,"out-data":"ZGFtYWdlZA=="}})"
                         : R"({"return":{"exited":true,"exitcode":0}})");
  });
  const port::CallDone done = guests.treat({{"first"}, {"second"}, {"third"}});
  EXPECT_EQ(done.result, port::CallResult::failed);
  EXPECT_EQ(done.message, "second: exit status 1: damaged");
  EXPECT_EQ(run.size(), 2U) << "nothing comes after one that failed";
}

TEST(GuestProbes, ATreatmentWithoutAnAgentIsUnknownAtItsTime) {
  Guests guests(mute);
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(guests.treat({{"x"}}, 300ms).result, port::CallResult::unknown);
  EXPECT_LT(std::chrono::steady_clock::now() - before, 2s);
}

TEST(GuestProbes, SayNothingAfterTheirEnd) {
  std::atomic<int> told{0};
  {
    GuestProbes probes(
        {[](auto&, const std::string&, const std::string&, Duration) {
           std::this_thread::sleep_for(400ms);
           return AgentReply{Kind::answered, R"({"return":{}})"};
         },
         [](auto&, const std::string&) { return std::optional<GuestPulse>{}; },
         [](auto&, const std::string&) { return std::optional<std::string>{}; }},
        [&](const port::GuestChecked&) { ++told; }, [&](const port::CallDone&) { ++told; });
    probes.check(1, "g", check_of(CheckKind::guest_agent));
    probes.treat(CallId{1}, "g", {{"x"}}, 2s);
    std::this_thread::sleep_for(20ms);
  }
  std::this_thread::sleep_for(600ms);
  EXPECT_EQ(told, 0);
}

}  // namespace
}  // namespace haven::adapter::guest
