// How far live moves are: what is made of libvirt's figures, and what the other hosts are told.
#include "daemon/sendings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "daemon/cluster_text.hpp"
#include "daemon/daemon.hpp"

namespace haven::test {
namespace {

using daemon::decode_sending;
using daemon::SendingFigures;
using daemon::SendingRecord;
using daemon::Sendings;
using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t kMiB = 1024 * 1024;
const std::string kUuid = "aaaaaaaa-0000-4000-8000-000000000001";

Instant at(std::int64_t s) { return Instant{std::chrono::seconds(s)}; }

port::Sending sending(std::int64_t elapsed_s, std::uint64_t left_mib, std::uint64_t sent_mib, int round = 1,
                      std::uint64_t changes_mib = 0) {
  return {kUuid,     1024 * kMiB,        left_mib * kMiB, sent_mib * kMiB,
          10 * kMiB, changes_mib * kMiB, round,           std::chrono::seconds(elapsed_s)};
}

SendingFigures figures_of(const Sendings& sendings, std::int64_t s) {
  const auto all = sendings.figures(at(s));
  return all.contains(kUuid) ? all.at(kUuid) : SendingFigures{-1, -1, -1, "not told"};
}

TEST(SendingsNoted, ArePercentAndWhatIsLeft) {
  Sendings sendings;
  sendings.note(sending(12, 584, 440), at(100));
  EXPECT_EQ(figures_of(sendings, 101), (SendingFigures{42, 584 * 1024 * 1024, 12000, ""}));
  sendings.note(sending(13, 0, 1024), at(101));
  EXPECT_EQ(figures_of(sendings, 101).percent, 99) << "only its end is all of it";
  sendings.note(sending(14, 2048, 1024), at(102));
  EXPECT_EQ(figures_of(sendings, 102).percent, 0) << "more is left than there was";
}

TEST(SendingsNoted, FadeWhereLibvirtTellsNothingMore) {
  Sendings sendings;
  sendings.note(sending(12, 584, 440), at(100));
  EXPECT_EQ(sendings.figures(at(104)).size(), 1U);
  EXPECT_THAT(sendings.figures(at(105)), IsEmpty());
}

TEST(SendingsNoted, WhoseGuestOutrunsThemAreStuckAfterHalfAMinute) {
  Sendings sendings;
  for (std::int64_t s = 0; s <= 40; ++s)
    sendings.note(sending(s, 100, 1000 + static_cast<std::uint64_t>(s) * 10, s < 10 ? 1 : 2, 40), at(s));
  EXPECT_THAT(figures_of(sendings, 39).stuck, IsEmpty()) << "in the first round all has to go over anyhow";
  EXPECT_EQ(figures_of(sendings, 40).stuck, "its guest changes 40 MiB of memory each second, 10 MiB go over");
  sendings.note(sending(41, 90, 1450, 3, 5), at(41));
  EXPECT_THAT(figures_of(sendings, 41).stuck, IsEmpty()) << "libvirt has slowed the guest down";
  for (std::int64_t s = 42; s <= 70; ++s)
    sendings.note(sending(s, 90, static_cast<std::uint64_t>(1500 + s), 4, 40), at(s));
  EXPECT_THAT(figures_of(sendings, 70).stuck, IsEmpty()) << "it counts anew";
}

TEST(SendingsNoted, AreStuckWhereNothingGoesOver) {
  Sendings sendings;
  for (std::int64_t s = 0; s <= 31; ++s) sendings.note(sending(s, 500, 524), at(s));
  EXPECT_EQ(figures_of(sendings, 31).stuck, "nothing has gone over for 31 s");
  sendings.note(sending(32, 490, 534), at(32));
  EXPECT_THAT(figures_of(sendings, 32).stuck, IsEmpty());
}

TEST(SendingsNoted, ASecondMoveOfTheSameGuestBeginsAnew) {
  Sendings sendings;
  for (std::int64_t s = 0; s <= 40; ++s) sendings.note(sending(s, 100, 524, 2, 40), at(s));
  ASSERT_NE(figures_of(sendings, 40).stuck, "");
  sendings.note(sending(1, 1000, 24), at(41));
  EXPECT_EQ(figures_of(sendings, 41), (SendingFigures{2, 1000 * 1024 * 1024, 1000, ""}));
}

TEST(SendingsNoted, OfTheMoveBeforeNothingStandsOnceTheNextHasBegun) {
  Sendings sendings;
  sendings.note(sending(32, 584, 440), at(100));
  sendings.note({.uuid = kUuid}, at(101));
  EXPECT_THAT(sendings.figures(at(101)), IsEmpty());
  sendings.note(sending(1, 1000, 24), at(102));
  EXPECT_EQ(figures_of(sendings, 102).elapsed_ms, 1000);
}

TEST(SendingRecords, AreReadAsTheyWereWrittenAndNothingElseIs) {
  const SendingRecord record{Incarnation("0123456789abcdef0123456789abcdef"), {{"web1", {43, 17, 12000, "why"}}}};
  const std::string written = daemon::encode(record);
  EXPECT_EQ(decode_sending(written), record);
  auto json = nlohmann::json::parse(written);
  json["guests"]["web1"]["percent"] = 100;
  for (const std::string& bad : {std::string("{}"), std::string("x"), std::string("[]"), json.dump()})
    EXPECT_FALSE(decode_sending(bad)) << bad;
}

class SendingsToldTest : public testing::Test {
 protected:
  SendingsToldTest() {
    write_text(folder_ / "web1.xml", domain_xml(1));
    const nlohmann::json request{{"file_name", folder_ / "c.toml"},
                                 {"text", kOneHost + vm(1)},
                                 {"domains", {{folder_ / "web1.xml", domain_xml(1)}}}};
    const auto applied = daemon_.service->apply(request.dump(), "root");
    EXPECT_EQ(applied.code, daemon::Code::ok) << applied.body;
  }
  // What stands in the engine for h1, once it holds.
  template <class Holds>
  bool becomes(Holds holds) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    std::uint64_t news = 0;
    while (std::chrono::steady_clock::now() < deadline) {
      bool held = false;
      (void)daemon_.runtime->see([&](const daemon::Runtime::Sight& sight) {
        const auto found = sight.store.sendings().find("h1");
        held = holds(found == sight.store.sendings().end() ? std::optional<SendingRecord>()
                                                           : decode_sending(found->second));
      });
      if (held) return true;
      news = daemon_.runtime->wait_news(news, 1s);
    }
    return false;
  }
  void note(std::int64_t elapsed_s, std::uint64_t left_mib) {
    auto one = sending(elapsed_s, left_mib, 1024 - left_mib);
    one.uuid = uuid_of(1);
    sendings_.note(one, daemon::read_clocks().mono);
  }

  TemporaryFolder folder_;
  RunningDaemon daemon_{folder_.path()};
  Sendings sendings_;
};

TEST_F(SendingsToldTest, AreToldTheOthersOnceTheyLastAndStruckOutAtTheEnd) {
  const daemon::SendingsTold told(*daemon_.runtime, sendings_, daemon_.alarms, HostName("h1"),
                                  *daemon::incarnation(daemon_.run_dir()));
  EXPECT_TRUE(becomes([this](const auto& record) {
    note(12, 584);
    return record && record->guests.contains("web1") && record->guests.at("web1").percent == 42;
  }));
  EXPECT_TRUE(becomes([](const auto& record) { return !record; })) << "it faded, and stands there still";
}

TEST_F(SendingsToldTest, WhatIsShortIsNotToldAndWhatIsStuckHurts) {
  const daemon::SendingsTold told(*daemon_.runtime, sendings_, daemon_.alarms, HostName("h1"),
                                  *daemon::incarnation(daemon_.run_dir()));
  auto stuck = sending(4, 100, 900, 2, 40);
  stuck.uuid = uuid_of(1);
  const Instant begun = daemon::read_clocks().mono;
  for (std::int64_t s = 35; s >= 0; --s) {
    stuck.sent += kMiB;
    sendings_.note(stuck, begun - std::chrono::seconds(s));
  }
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  std::uint64_t news = 0;
  while (daemon_.alarms.all().empty() && std::chrono::steady_clock::now() < deadline) {
    stuck.sent += kMiB;
    sendings_.note(stuck, daemon::read_clocks().mono);
    news = daemon_.runtime->wait_news(news, 100ms);
  }
  ASSERT_EQ(daemon_.alarms.all().size(), 1U);
  EXPECT_THAT(daemon_.alarms.all().front().text, HasSubstr("the live move of web1 makes no headway"));
  (void)daemon_.runtime->see([](const daemon::Runtime::Sight& sight) {
    EXPECT_THAT(sight.store.sendings(), IsEmpty()) << "it lasts four seconds";
  });
}

}  // namespace
}  // namespace haven::test
