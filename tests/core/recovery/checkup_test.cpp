// What the answers to checks say of a guest, and when each is asked.
#include "core/recovery/checkup.hpp"

#include <gtest/gtest.h>

#include "core/recovery/rounds.hpp"

namespace haven {
namespace {

GuestCheck check_of(CheckKind kind, int failures = 3) {
  GuestCheck check;
  check.kind = kind;
  check.failures = failures;
  if (kind == CheckKind::tcp) check.port = 80;
  return check;
}
CheckAnswer yes() { return {true, false, {}, {}}; }
CheckAnswer no(std::string said = "refused") { return {false, false, std::move(said), {}}; }
// The guest's processors had so much of one since it began, and its disks did so many requests.
CheckAnswer silent(Duration cpu, std::uint64_t requests = 7) {
  return {false, true, "no answer in time", GuestPulse{cpu, requests, 0, false, {}}};
}

// One guest, asked every ten seconds.
struct Guest {
  explicit Guest(std::vector<GuestCheck> checks) : checkup(std::move(checks), now, 1) {}
  void answer(const CheckAnswer& answer, std::size_t check = 0) { checkup.fold(check, answer, now); }
  void answers(int times, const CheckAnswer& said, std::size_t check = 0) {
    for (int i = 0; i < times; ++i) {
      now = now + 10s;
      answer(said, check);
    }
  }
  Health state() const { return checkup.verdict().state; }
  Instant now{1000s};
  Checkup checkup;
};

TEST(Checkup, KnowsNothingBeforeAllChecksHavePassedOnce) {
  Guest guest({check_of(CheckKind::tcp), check_of(CheckKind::guest_agent)});
  EXPECT_EQ(guest.state(), Health::unknown);
  guest.answer(yes(), 0);
  EXPECT_EQ(guest.state(), Health::unknown);
  guest.answer(yes(), 1);
  EXPECT_EQ(guest.state(), Health::well);
}

TEST(Checkup, CallsItIllAfterSoManyFailuresInARowAndWellAfterOnePass) {
  Guest guest({check_of(CheckKind::tcp)});
  guest.answer(yes());
  guest.answers(2, no());
  EXPECT_EQ(guest.state(), Health::well);
  guest.answers(1, yes());
  guest.answers(2, no());
  EXPECT_EQ(guest.state(), Health::well) << "they were not in a row";
  guest.answers(1, no());
  EXPECT_EQ(guest.state(), Health::ill);
  EXPECT_EQ(guest.checkup.verdict().why, "tcp 80: refused");
  guest.answers(1, yes());
  EXPECT_EQ(guest.state(), Health::well);
}

TEST(Checkup, LeavesItTimeToComeUp) {
  Guest guest({check_of(CheckKind::tcp)});
  guest.answers(5, no());
  EXPECT_EQ(guest.state(), Health::unknown) << "its grace is a minute";
  guest.answers(1, no());
  EXPECT_EQ(guest.state(), Health::ill) << "what failed meanwhile counts once it is over";
}

TEST(Checkup, GraceEndsWithTheFirstPass) {
  Guest guest({check_of(CheckKind::tcp)});
  guest.answer(yes());
  guest.answers(3, no());
  EXPECT_EQ(guest.state(), Health::ill);
}

TEST(Checkup, ABusyGuestIsNotHungAndHasMoreTime) {
  Guest guest({check_of(CheckKind::guest_agent)});
  guest.answer(yes());
  Duration cpu{};
  for (int i = 0; i < 8; ++i) guest.answers(1, silent(cpu += 9s));
  EXPECT_EQ(guest.state(), Health::well) << "its first silence weighs as a failure, the others a quarter";
  guest.answers(1, silent(cpu += 9s));
  EXPECT_EQ(guest.state(), Health::ill) << "for ever is too long";
  EXPECT_FALSE(guest.checkup.verdict().hung);
}

TEST(Checkup, DisksThatWorkAreWorkToo) {
  Guest guest({check_of(CheckKind::guest_agent)});
  guest.answer(yes());
  for (std::uint64_t requests = 0; requests < 5; ++requests) guest.answers(1, silent(0s, requests));
  EXPECT_EQ(guest.state(), Health::well);
}

TEST(Checkup, AGuestThatStandsStillAndIsSilentHangs) {
  Guest guest({check_of(CheckKind::guest_agent), check_of(CheckKind::tcp)});
  guest.answer(yes(), 0);
  guest.answer(yes(), 1);
  for (int i = 0; i < 3; ++i) {
    guest.answers(1, silent(5s), 0);
    guest.answer(silent(5s), 1);
  }
  EXPECT_EQ(guest.state(), Health::ill);
  EXPECT_TRUE(guest.checkup.verdict().hung);
}

TEST(Checkup, WhoStillAnswersItsAgentIsIllAndDoesNotHang) {
  Guest guest({check_of(CheckKind::guest_agent), check_of(CheckKind::tcp)});
  guest.answer(yes(), 0);
  guest.answer(yes(), 1);
  guest.answers(3, silent(5s), 1);
  EXPECT_EQ(guest.state(), Health::ill) << "a ping to its agent covers nothing else";
  EXPECT_FALSE(guest.checkup.verdict().hung);
}

TEST(Checkup, CountersOfLongAgoSayNothingOfASilenceOfNow) {
  Guest guest({check_of(CheckKind::guest_agent)});
  guest.answer(yes());
  guest.answers(1, silent(0s));
  guest.answers(60, yes());
  guest.answers(1, silent(9min));  // busy since then, but not lately
  guest.answers(2, silent(9min));
  EXPECT_EQ(guest.state(), Health::ill) << "it stood still for three rounds";
}

TEST(Checkup, MemoryIsJudgedByWhatIsLeft) {
  GuestCheck check = check_of(CheckKind::memory);
  check.available = MiB{64};
  Guest guest({check});
  const auto left = [](std::int64_t mib) {
    return CheckAnswer{true, false, {}, GuestPulse{{}, 0, 0, false, MiB{mib}}};
  };
  guest.answer(left(64));
  EXPECT_EQ(guest.state(), Health::well);
  guest.answers(3, left(63));
  EXPECT_EQ(guest.state(), Health::ill);
  EXPECT_EQ(guest.checkup.verdict().why, "memory: 63 MiB are left");
}

TEST(Checkup, MemoryThatIsNotToldIsNotEnough) {
  GuestCheck check = check_of(CheckKind::memory);
  Guest guest({check});
  guest.answers(6, CheckAnswer{true, false, {}, GuestPulse{}});
  EXPECT_EQ(guest.state(), Health::ill);
}

TEST(Checkup, DisksFailWhereRequestsDoNotEndOrEndInErrors) {
  const auto seen = [](std::uint64_t requests, std::uint64_t errors, bool pending) {
    return CheckAnswer{true, false, {}, GuestPulse{{}, requests, errors, pending, {}}};
  };
  Guest idle({check_of(CheckKind::disk_io)});
  idle.answers(9, seen(5, 0, false));
  EXPECT_EQ(idle.state(), Health::well) << "nothing to do is no failure";
  Guest stalled({check_of(CheckKind::disk_io)});
  stalled.answers(4, seen(5, 0, true));
  EXPECT_EQ(stalled.state(), Health::ill) << "the first round has nothing to compare with";
  Guest busy({check_of(CheckKind::disk_io)});
  for (std::uint64_t i = 0; i < 9; ++i) busy.answers(1, seen(i, 0, true));
  EXPECT_EQ(busy.state(), Health::well);
  Guest failing({check_of(CheckKind::disk_io)});
  for (std::uint64_t i = 0; i < 4; ++i) failing.answers(1, seen(i, i, false));
  EXPECT_EQ(failing.state(), Health::ill);
}

TEST(Checkup, WithoutItsNetworkOnlyTheOthersAreAsked) {
  Guest guest({check_of(CheckKind::tcp), check_of(CheckKind::guest_agent)});
  guest.answer(yes(), 0);
  guest.answer(yes(), 1);
  guest.answers(2, no(), 0);
  guest.checkup.set_network(false, guest.now);
  guest.answers(3, no(), 0);
  EXPECT_EQ(guest.state(), Health::well) << "what was on its way does not count";
  guest.now = guest.now + 1min;
  EXPECT_EQ(guest.checkup.take_due(guest.now), std::vector<std::size_t>{1});
  guest.checkup.set_network(true, guest.now);
  guest.answers(2, no(), 0);
  EXPECT_EQ(guest.state(), Health::well) << "it begins anew";
  guest.answers(1, no(), 0);
  EXPECT_EQ(guest.state(), Health::ill);
  EXPECT_TRUE(guest.checkup.verdict().by_network);
}

TEST(Checkup, IsAskedByItsIntervalAndNotTwiceAtOnce) {
  Guest guest({check_of(CheckKind::tcp)});
  EXPECT_LT(guest.checkup.next() - guest.now, 10s) << "spread over the first interval";
  guest.now = guest.checkup.next();
  EXPECT_EQ(guest.checkup.take_due(guest.now).size(), 1U);
  EXPECT_EQ(guest.checkup.next(), kNever) << "it is under way";
  guest.answer(yes());
  const Duration next = guest.checkup.next() - guest.now;
  EXPECT_GE(next, 9s);
  EXPECT_LE(next, 11s);
}

// ---- rounds ----

std::shared_ptr<const Spec> file_of(std::vector<GuestCheck> checks) {
  auto spec = std::make_shared<Spec>();
  Resource resource;
  resource.name = ResourceName("web1");
  resource.checks = std::move(checks);
  spec->resources.push_back(resource);
  return spec;
}
const ResourceName kWeb{"web1"};

struct Host {
  void ask_all(const CheckAnswer& said) {
    for (const CheckCall& call : rounds.take_due(now, 100)) rounds.answer(call.number, said, now);
  }
  void pass(Duration time, const CheckAnswer& said) {
    for (const Instant end = now + time; now < end; now = now + 1s) ask_all(said);
  }
  Rounds rounds{1};
  Instant now{1000s};
};

TEST(Rounds, TellOfChangesAlone) {
  Host host;
  host.rounds.know(file_of({check_of(CheckKind::tcp)}), host.now);
  host.rounds.attend({kWeb, 1, Attendance::full}, host.now);
  EXPECT_TRUE(host.rounds.news().empty());
  host.pass(5min, yes());
  const auto well = host.rounds.news();
  ASSERT_EQ(well.size(), 1U);
  EXPECT_EQ(well[0].state, Health::well);
  EXPECT_EQ(well[0].life, 1U);
  host.pass(5min, no());
  ASSERT_EQ(host.rounds.news().size(), 1U);
}

TEST(Rounds, WhoIsNotAttendedIsNotAsked) {
  Host host;
  host.rounds.know(file_of({check_of(CheckKind::tcp)}), host.now);
  host.rounds.attend({kWeb, 1, Attendance::full}, host.now);
  host.now = host.now + 1min;
  const auto calls = host.rounds.take_due(host.now, 100);
  ASSERT_EQ(calls.size(), 1U);
  host.rounds.attend({kWeb, 1, Attendance::none}, host.now);
  host.rounds.answer(calls[0].number, no(), host.now);  // it came too late
  EXPECT_EQ(host.rounds.next(), kNever);
  EXPECT_TRUE(host.rounds.news().empty());
}

TEST(Rounds, ANewLifeForgetsTheOld) {
  Host host;
  host.rounds.know(file_of({check_of(CheckKind::tcp)}), host.now);
  host.rounds.attend({kWeb, 1, Attendance::full}, host.now);
  host.pass(1min, yes());
  host.pass(25s, no());
  (void)host.rounds.news();
  host.rounds.attend({kWeb, 2, Attendance::full}, host.now);
  host.pass(50s, no());
  EXPECT_TRUE(host.rounds.news().empty()) << "it has its grace again";
}

TEST(Rounds, FollowTheFile) {
  Host host;
  host.rounds.attend({kWeb, 1, Attendance::full}, host.now);
  EXPECT_EQ(host.rounds.next(), kNever) << "no file is known";
  host.rounds.know(file_of({check_of(CheckKind::tcp)}), host.now);
  EXPECT_NE(host.rounds.next(), kNever);
  host.rounds.know(file_of({}), host.now);
  EXPECT_EQ(host.rounds.next(), kNever);
  host.rounds.know(file_of({check_of(CheckKind::exec)}), host.now);
  EXPECT_NE(host.rounds.next(), kNever);
}

TEST(Rounds, WhatNobodyCouldAskIsAskedSoonAndCountsForNothing) {
  Host host;
  host.rounds.know(file_of({check_of(CheckKind::tcp, 1)}), host.now);
  host.rounds.attend({kWeb, 1, Attendance::full}, host.now);
  host.pass(15s, yes());
  (void)host.rounds.news();
  host.now = host.now + 20s;
  for (int i = 0; i < 5; ++i) {
    for (const CheckCall& call : host.rounds.take_due(host.now, 100)) host.rounds.drop(call.number, host.now);
    EXPECT_EQ(host.rounds.next(), host.now + 1s);
    host.now = host.rounds.next();
  }
  EXPECT_TRUE(host.rounds.news().empty());
}

TEST(Rounds, TakeNoMoreThanThereIsRoomFor) {
  auto spec = std::make_shared<Spec>();
  Host host;
  for (int i = 0; i < 50; ++i) {
    Resource resource;
    resource.name = ResourceName("vm" + std::to_string(i));
    resource.checks = {check_of(CheckKind::tcp)};
    spec->resources.push_back(resource);
  }
  host.rounds.know(spec, host.now);
  for (const Resource& resource : spec->resources) host.rounds.attend({resource.name, 1, Attendance::full}, host.now);
  host.now = host.now + 1min;
  EXPECT_EQ(host.rounds.take_due(host.now, 20).size(), 20U);
  EXPECT_EQ(host.rounds.take_due(host.now, 100).size(), 30U);
}

}  // namespace
}  // namespace haven
