// The hook's own parts, without libvirt.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>

#include "hook/gate.hpp"
#include "hook/server.hpp"

namespace haven::hook {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

const std::string kUuid = "4dea22b3-1d52-d8f3-2516-782e98ab3fa0";

class Folder : public ::testing::Test {
 protected:
  Folder() {
    std::string pattern = fs::temp_directory_path() / "haven-hook-XXXXXX";
    path = ::mkdtemp(pattern.data());
  }
  ~Folder() override { fs::remove_all(path); }
  std::string file(const std::string& name, const std::string& text) {
    std::ofstream(path / name) << text;
    return path / name;
  }
  fs::path path;
};

TEST(HookProtocol, WhatIsFormattedIsParsedAgain) {
  for (const Op op : {Op::prepare, Op::start, Op::migrate}) {
    std::string line = format(Question{kUuid, op});
    ASSERT_EQ(line.back(), '\n');
    line.pop_back();
    EXPECT_EQ(parse_question(line), (Question{kUuid, op}));
    EXPECT_EQ(parse_question(line + " unlinked"), (Question{kUuid, op, true}));
  }
  EXPECT_EQ(format(Question{kUuid, Op::prepare, true}), "start " + kUuid + " prepare unlinked\n");
  EXPECT_EQ(format(Question{kUuid, Op::start}), "start " + kUuid + " start\n");
  EXPECT_EQ(format(Reply{true, ""}), "yes\n");
  EXPECT_EQ(format(Reply{false, "runs on\nh2"}), "no runs on h2\n");
  EXPECT_EQ(parse_reply("no runs on h2"), (Reply{false, "runs on h2"}));
  EXPECT_EQ(parse_reply("yes"), (Reply{true, ""}));
  EXPECT_EQ(format(Reply{false, std::string(9999, 'x')}).size(), kMaxLineBytes);
}

TEST(HookProtocol, NothingElseIsTakenForAnAnswer) {
  for (const char* line : {"", "yes ", "YES", "yes\n", "no", "no ", "noyes", "maybe"})
    EXPECT_FALSE(parse_reply(line)) << line;
  for (const std::string& line :
       {std::string("start"), "start " + kUuid, "start " + kUuid + " stop", "start " + kUuid + " unlinked",
        "start " + kUuid + " start linked", "stop " + kUuid + " start", "start " + kUuid.substr(1) + " start",
        std::string("start ../../etc/passwd-0000000000000000000 start")})
    EXPECT_FALSE(parse_question(line)) << line;
}

TEST(HookGate, OnlyWhatStartsSomethingIsAsked) {
  EXPECT_EQ(gated("prepare", "begin"), Op::prepare);
  EXPECT_EQ(gated("start", "begin"), Op::start);
  EXPECT_EQ(gated("migrate", "begin"), Op::migrate);
  for (const char* op : {"started", "stopped", "release", "reconnect", "attach", "restore", ""})
    EXPECT_FALSE(gated(op, "begin")) << op;
  EXPECT_FALSE(gated("start", "end"));
}

TEST(HookGate, HavendsWordDecidesWhereItSpeaks) {
  const ProtectedList listed{{kUuid}, true, false};
  for (const Op op : {Op::prepare, Op::start}) {
    EXPECT_TRUE(decide(op, kUuid, listed, Reply{true, ""}).allow);
    EXPECT_EQ(decide(op, kUuid, {}, Reply{false, "runs on h2"}), (Reply{false, "runs on h2"}));
  }
}

TEST(HookGate, InDoubtItIsClosed) {
  const ProtectedList none{};
  const ProtectedList empty{{}, true, false};
  const ProtectedList listed{{kUuid}, true, false};
  const ProtectedList garbled{{}, true, true};
  EXPECT_TRUE(decide(Op::start, kUuid, none, std::nullopt).allow);
  EXPECT_TRUE(decide(Op::start, kUuid, empty, std::nullopt).allow);
  EXPECT_FALSE(decide(Op::start, kUuid, listed, std::nullopt).allow);
  EXPECT_FALSE(decide(Op::start, kUuid, garbled, std::nullopt).allow);
  EXPECT_TRUE(decide(Op::start, kUuid, garbled, Reply{true, ""}).allow);
  EXPECT_TRUE(decide(Op::start, std::nullopt, none, std::nullopt).allow);
  EXPECT_FALSE(decide(Op::start, std::nullopt, empty, std::nullopt).allow);
}

TEST(HookGate, AProtectedDomainComesInByMigrationOnlyByHavendsWord) {
  const ProtectedList listed{{kUuid}, true, false};
  EXPECT_TRUE(decide(Op::migrate, kUuid, listed, Reply{true, ""}).allow);
  EXPECT_FALSE(decide(Op::migrate, kUuid, listed, Reply{false, "it is not to come here"}).allow);
  EXPECT_FALSE(decide(Op::migrate, kUuid, listed, std::nullopt).allow);
  EXPECT_FALSE(decide(Op::migrate, kUuid, {}, Reply{false, "protected"}).allow);
  EXPECT_TRUE(decide(Op::migrate, kUuid, {}, Reply{true, ""}).allow);
  EXPECT_TRUE(decide(Op::migrate, kUuid, {}, std::nullopt).allow);
}

using HookProtectedList = Folder;

TEST_F(HookProtectedList, HoldsWhatWasWrittenInEither) {
  const std::string boot = path / "boot";
  const std::string good = path / "good";
  ASSERT_TRUE(write_protected(boot, {"0"}));
  ASSERT_TRUE(write_protected(boot, {kUuid}));
  const auto list = read_protected({boot, good});
  EXPECT_TRUE(list.exists);
  EXPECT_FALSE(list.garbled);
  EXPECT_TRUE(list.names(kUuid));
  EXPECT_FALSE(list.names("4dea22b3-1d52-d8f3-2516-782e98ab3fa1"));
  EXPECT_TRUE(read_protected({good, boot}).names(kUuid));
  EXPECT_FALSE(write_protected(path / "none/list", {kUuid}));
}

TEST_F(HookProtectedList, NoFileProtectsNothingAndAGarbledOneMayProtectAnything) {
  EXPECT_FALSE(read_protected({path / "none"}).exists);
  EXPECT_FALSE(read_protected({file("empty", "")}).garbled);
  EXPECT_TRUE(read_protected({file("empty", "")}).exists);
  EXPECT_TRUE(read_protected({file("torn", kUuid + "\n4dea22b3-1d5")}).garbled);
  EXPECT_TRUE(read_protected({file("torn", kUuid + "\n4dea22b3-1d5")}).names(kUuid));
  fs::create_directory(path / "folder");
  EXPECT_TRUE(read_protected({path / "folder"}).garbled);
}

class HookServerTest : public Folder {
 protected:
  HookServerTest() {
    auto made = HookServer::listen(socket, [this](const HookRequest& request) {
      const std::lock_guard lock(mutex);
      requests.push_back(request);
      changed.notify_all();
    });
    EXPECT_TRUE(made) << made.error();
    server = std::move(*made);
  }
  std::future<std::optional<Reply>> ask_for(const std::string& uuid, milliseconds patience = milliseconds(5000)) {
    return std::async(std::launch::async, [this, uuid, patience] {
      return ask(socket, {uuid, Op::start}, steady_clock::now() + patience);
    });
  }
  HookRequest request(std::size_t index) {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(5), [&] { return requests.size() > index; }));
    return requests.at(index);
  }

  std::string socket = path / "hook.sock";
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<HookRequest> requests;
  std::unique_ptr<HookServer> server;
};

TEST_F(HookServerTest, PassesAQuestionOnAndTheAnswerBack) {
  auto reply = ask_for(kUuid);
  const auto asked = request(0);
  EXPECT_EQ(asked.question, (Question{kUuid, Op::start}));
  EXPECT_TRUE(server->answer(asked.id, false, "runs on h2"));
  EXPECT_EQ(reply.get(), (Reply{false, "runs on h2"}));
  EXPECT_FALSE(server->answer(asked.id, true, "")) << "a question is answered once";

  auto second = ask_for(kUuid);
  EXPECT_TRUE(server->answer(request(1).id, true, ""));
  EXPECT_EQ(second.get(), (Reply{true, ""}));
}

TEST_F(HookServerTest, SaysNoWhenNobodyDecidesInTimeAndALateYesIsKnownToBeLost) {
  const auto begin = steady_clock::now();
  auto reply = ask_for(kUuid);
  const auto asked = request(0);
  const auto answer = reply.get();
  const auto took = steady_clock::now() - begin;
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->allow);
  EXPECT_GE(took, milliseconds(1400));
  EXPECT_LT(took, milliseconds(2000));
  EXPECT_FALSE(server->answer(asked.id, true, ""));
}

TEST_F(HookServerTest, AHookThatIsGoneGetsNoYes) {
  EXPECT_EQ(ask_for(kUuid, milliseconds(100)).get(), std::nullopt);
  const auto asked = request(0);
  bool sent = true;
  for (const auto deadline = steady_clock::now() + std::chrono::seconds(1); sent && steady_clock::now() < deadline;)
    sent = server->answer(asked.id, true, "");
  EXPECT_FALSE(sent);
}

TEST_F(HookServerTest, RefusesMoreThanItsBound) {
  std::vector<std::future<std::optional<Reply>>> replies;
  for (std::size_t i = 0; i < HookServer::kMaxOpen; ++i) replies.push_back(ask_for(kUuid));
  (void)request(HookServer::kMaxOpen - 1);
  const auto begin = steady_clock::now();
  const auto beyond = ask_for(kUuid).get();
  EXPECT_LT(steady_clock::now() - begin, milliseconds(500));
  ASSERT_TRUE(beyond);
  EXPECT_FALSE(beyond->allow);
  for (std::size_t i = 0; i < HookServer::kMaxOpen; ++i) EXPECT_TRUE(server->answer(request(i).id, true, ""));
  for (auto& reply : replies) EXPECT_EQ(reply.get(), (Reply{true, ""}));
}

TEST_F(HookServerTest, StopsWithANoForWhoeverStillWaits) {
  auto reply = ask_for(kUuid);
  (void)request(0);
  server.reset();
  const auto answer = reply.get();
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->allow);
  EXPECT_EQ(ask_for(kUuid).get(), std::nullopt) << "nobody is there any more";
}

TEST_F(HookServerTest, TakesOverADeadSocketButNotALivingOne) {
  EXPECT_FALSE(HookServer::listen(socket, [](const HookRequest&) {}));
  const std::string dead = path / "dead.sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, dead.c_str());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(fd);
  const auto taken = HookServer::listen(dead, [](const HookRequest&) {});
  ASSERT_TRUE(taken) << taken.error();
  struct stat seen {};
  ASSERT_EQ(::stat(dead.c_str(), &seen), 0);
  EXPECT_EQ(seen.st_mode & 0777U, 0600U) << "only root asks";
}

TEST_F(HookServerTest, TakesALivingServersPlaceNotEvenWithoutDescriptorsToAskIt) {
  rlimit usual{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &usual), 0);
  const rlimit none{0, usual.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto refused = HookServer::listen(socket, [](const HookRequest&) {});
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &usual), 0);
  EXPECT_FALSE(refused);
  struct stat seen {};
  EXPECT_EQ(::stat(socket.c_str(), &seen), 0) << "the hook finds the living one there";
}

TEST_F(Folder, NobodyThereIsNoAnswer) {
  EXPECT_EQ(ask(path / "none", {kUuid, Op::start}, steady_clock::now() + std::chrono::seconds(1)), std::nullopt);
}

}  // namespace
}  // namespace haven::hook
