// Agents as processes: bounded in time, output and number, and gone when they should be.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "adapter/fence_agent/answers.hpp"
#include "adapter/fence_agent/fence_agents.hpp"
#include "adapter/fence_agent/folder.hpp"

namespace haven::test {
namespace {

using adapter::FenceAgents;
using port::AgentAnswer;
using port::FenceVerb;
using testing::HasSubstr;

// Waits for the folder to change until the condition holds; false: not in time.
template <class Condition>
bool wait_for(const AgentFolder& folder, Condition condition, Duration patience = 10s) {
  const int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  inotify_add_watch(watch, folder.path().c_str(), IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO);
  const Stopwatch stopwatch;
  bool holds = condition();
  while (!holds && stopwatch.passed() < patience) {
    pollfd fd{watch, POLLIN, 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(patience - stopwatch.passed());
    poll(&fd, 1, static_cast<int>(left.count()) + 1);
    char buffer[4096];
    while (::read(watch, buffer, sizeof buffer) > 0) continue;
    holds = condition();
  }
  close(watch);
  return holds;
}

// Whether the process is gone (a zombie is), waiting for it.
bool ends(pid_t pid, int patience_ms = 5000) {
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) return errno == ESRCH;
  pollfd fd{pidfd, POLLIN, 0};
  const bool ended = poll(&fd, 1, patience_ms) > 0;
  close(pidfd);
  return ended;
}

class AgentProcess : public testing::Test {
 protected:
  pid_t pid_in(const std::string& name) {
    EXPECT_TRUE(wait_for(folder, [&] { return folder.read(name).ends_with('\n'); })) << name;
    return static_cast<pid_t>(std::atoi(folder.read(name).c_str()));
  }
  // An agent that hangs, with a child that hangs too; both tell their pids.
  void hanging_agent() {
    folder.agent("fence_fake",
                 "sh -c 'echo $$ > \"$0/child\"; sleep 300; :' \"$here\" &\necho $$ > \"$here/agent\"\nwait");
  }

  AgentFolder folder;
  Answers answers;
  std::optional<FenceAgents> agents{std::in_place, folder.path(), answers.sink()};
  port::FenceDeviceConfig config{"fence_fake", {{"plug", "1"}}};
};

TEST_F(AgentProcess, AtItsDeadlineTheWholeGroupIsKilled) {
  hanging_agent();
  agents->run(CallId{1}, config, FenceVerb::off, 1500ms);
  const pid_t agent = pid_in("agent"), child = pid_in("child");
  EXPECT_EQ(answers.wait(CallId{1}).answer, AgentAnswer::timed_out);
  EXPECT_TRUE(ends(agent));
  EXPECT_TRUE(ends(child));
}

TEST_F(AgentProcess, CancelEndsItBeforeItIsAnswered) {
  hanging_agent();
  agents->run(CallId{1}, config, FenceVerb::off, 60s);
  const pid_t agent = pid_in("agent"), child = pid_in("child");
  agents->cancel(CallId{1});
  EXPECT_EQ(answers.wait(CallId{1}).answer, AgentAnswer::killed);
  EXPECT_TRUE(ends(agent, 0));
  EXPECT_TRUE(ends(child));
}

TEST_F(AgentProcess, WhatAnAgentLeavesBehindEndsWithIt) {
  folder.agent("fence_fake",
               "sh -c 'echo $$ > \"$0/child\"; sleep 300; :' \"$here\" > /dev/null 2>&1 &\n"
               "while [ ! -s \"$here/child\" ]; do :; done");
  agents->run(CallId{1}, config, FenceVerb::off, 30s);
  EXPECT_EQ(answers.wait(CallId{1}).answer, AgentAnswer::done);
  EXPECT_TRUE(ends(pid_in("child")));
}

TEST_F(AgentProcess, EverythingIsAnsweredAndKilledWhenTheAdapterEnds) {
  hanging_agent();
  agents->run(CallId{1}, config, FenceVerb::off, 60s);
  const pid_t agent = pid_in("agent"), child = pid_in("child");
  agents->run(CallId{2}, config, FenceVerb::off, 60s);
  agents.reset();
  EXPECT_EQ(answers.wait(CallId{1}).answer, AgentAnswer::killed);
  EXPECT_EQ(answers.wait(CallId{2}).answer, AgentAnswer::killed);
  EXPECT_TRUE(ends(agent, 0));
  EXPECT_TRUE(ends(child));
}

TEST_F(AgentProcess, AgentsDieWithTheDaemon) {
  hanging_agent();
  agents.reset();
  const pid_t daemon = fork();
  ASSERT_GE(daemon, 0);
  if (daemon == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    FenceAgents own(folder.path(), [](const port::AgentDone&) {});
    own.run(CallId{1}, config, FenceVerb::off, 60s);
    while (true) pause();
  }
  const pid_t agent = pid_in("agent"), child = pid_in("child");
  kill(daemon, SIGKILL);
  EXPECT_TRUE(ends(agent));
  waitpid(daemon, nullptr, 0);
  kill(child, SIGKILL);  // the agent's own child is out of anybody's reach by then
}

TEST_F(AgentProcess, SeesNoDescriptorOfOurs) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);  // not closed by exec
  folder.agent("fence_fake", "ls /proc/$$/fd > \"$here/fds\"\n[ ! -e /proc/$$/fd/" + std::to_string(ends[1]) + " ]");
  agents->run(CallId{1}, config, FenceVerb::off, 30s);
  EXPECT_EQ(answers.wait(CallId{1}, 30s).answer, AgentAnswer::done) << folder.read("fds");
  close(ends[0]);
  close(ends[1]);
}

TEST_F(AgentProcess, HugeOutputIsReadAndNotKept) {
  folder.agent("fence_fake",
               "head -c 20000000 /dev/zero | tr '\\0' x\nhead -c 20000000 /dev/zero | tr '\\0' y >&2\n"
               "echo >&2\necho the end >&2\nexit 1");
  agents->run(CallId{1}, config, FenceVerb::status, 60s);
  const port::AgentDone done = answers.wait(CallId{1}, 60s);
  EXPECT_EQ(done.answer, AgentAnswer::failed);
  EXPECT_EQ(done.message, "the end");
}

TEST_F(AgentProcess, OneEndlessLineOfErrorIsNoMessage) {
  folder.write("pw", "secretsecret\n");
  folder.agent("fence_fake",
               "while [ ${n:=0} -lt 12 ]; do password=$password$password; n=$((n+1)); done\n"
               "printf 'x%s%s' \"$password\" \"$password\" >&2\nexit 1");
  config.options["password_file"] = folder.file("pw");
  agents->run(CallId{1}, config, FenceVerb::status, 30s);
  EXPECT_EQ(answers.wait(CallId{1}, 30s).message, "the agent ended with exit code 1");
}

TEST_F(AgentProcess, SixteenRunAndTheRestWaitTheirTurn) {
  // Each tells that it started, then waits for the word: a named pipe that nobody writes to until then.
  folder.agent("fence_fake", "echo s >> \"$here/started\"\nread word < \"$here/gate\"\nexit 0");
  ASSERT_EQ(mkfifo(folder.file("gate").c_str(), 0600), 0);
  constexpr std::uint64_t kCalls = FenceAgents::kMostRunning + 4;
  for (std::uint64_t i = 1; i <= kCalls; ++i) agents->run(CallId{i}, config, FenceVerb::off, 30s);
  // One more that has no time to wait.
  agents->run(CallId{100}, config, FenceVerb::off, 500ms);
  const auto started = [&] { return folder.read("started").size() / 2; };
  EXPECT_TRUE(wait_for(
      folder, [&] { return started() >= FenceAgents::kMostRunning; }, 20s));
  const port::AgentDone waited = answers.wait(CallId{100});
  EXPECT_EQ(waited.answer, AgentAnswer::timed_out);
  EXPECT_THAT(waited.message, HasSubstr("waited for other agents"));
  EXPECT_EQ(started(), FenceAgents::kMostRunning);
  const int gate = open(folder.file("gate").c_str(), O_RDWR | O_CLOEXEC);
  for (std::uint64_t i = 1; i <= kCalls; ++i) EXPECT_EQ(write(gate, "go\n", 3), 3);
  for (std::uint64_t i = 1; i <= kCalls; ++i) EXPECT_EQ(answers.wait(CallId{i}, 30s).answer, AgentAnswer::done);
  close(gate);
  EXPECT_EQ(started(), kCalls);
}

TEST_F(AgentProcess, TooManyCallsFailAtOnce) {
  folder.agent("fence_fake", "sleep 60");
  for (std::uint64_t i = 1; i <= FenceAgents::kMostCalls + 1; ++i) agents->run(CallId{i}, config, FenceVerb::off, 60s);
  const port::AgentDone refused = answers.wait(CallId{FenceAgents::kMostCalls + 1});
  EXPECT_EQ(refused.answer, AgentAnswer::failed);
  EXPECT_THAT(refused.message, HasSubstr("too many"));
  agents.reset();
  for (std::uint64_t i = 1; i <= FenceAgents::kMostCalls + 1; ++i) EXPECT_EQ(answers.count(CallId{i}), 1U);
}

}  // namespace
}  // namespace haven::test
