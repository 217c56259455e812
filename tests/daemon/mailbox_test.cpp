#include "daemon/mailbox.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

namespace haven::daemon {
namespace {

struct Full : std::runtime_error {
  Full() : runtime_error("full") {}
};

Message answer(std::uint64_t call) { return port::HypervisorEvent(port::CallDone{{call}, port::CallResult::done, {}}); }
Message hint(const std::string& uuid, port::LifecycleKind kind) {
  return port::HypervisorEvent(port::Lifecycle{uuid, uuid, kind});
}
std::uint64_t call_of(const Message& message) {
  return std::get<port::CallDone>(std::get<port::HypervisorEvent>(message)).call.count;
}
Instant in(Duration time) { return read_clocks().mono + time; }

TEST(Mailbox, GivesMessagesInTheirOrder) {
  Mailbox mailbox([] { throw Full(); });
  for (std::uint64_t i = 0; i < 10; ++i) mailbox.post(answer(i));
  for (std::uint64_t i = 0; i < 10; ++i) EXPECT_EQ(call_of(*mailbox.take(in(10s))), i);
}

TEST(Mailbox, WakesUpAtTheTimeAsked) {
  Mailbox mailbox([] { throw Full(); });
  const Instant until = in(50ms);
  EXPECT_FALSE(mailbox.take(until).has_value());
  EXPECT_GE(read_clocks().mono, until);
  EXPECT_LT(read_clocks().mono, until + 5s);
  EXPECT_FALSE(mailbox.take(Instant{}).has_value()) << "a time long past waits for nothing";
}

TEST(Mailbox, AMessageOrANudgeEndsTheWait) {
  Mailbox mailbox([] { throw Full(); });
  std::thread poster([&] { mailbox.post(answer(7)); });
  EXPECT_EQ(call_of(*mailbox.take(in(20s))), 7u);
  poster.join();
  std::thread nudger([&] { mailbox.nudge(); });
  EXPECT_FALSE(mailbox.take(kNever).has_value());
  nudger.join();
}

TEST(Mailbox, KeepsAHintOncePerDomainAndKind) {
  Mailbox mailbox([] { throw Full(); });
  for (std::size_t i = 0; i < 2 * Mailbox::kCapacity; ++i) {
    mailbox.post(hint("a", port::LifecycleKind::paused));
    mailbox.post(hint("a", port::LifecycleKind::powered_off));
    mailbox.post(hint("b", port::LifecycleKind::paused));
  }
  EXPECT_EQ(mailbox.size(), 3u);
  while (mailbox.size() > 0) (void)mailbox.take(kNever);
  mailbox.post(hint("a", port::LifecycleKind::paused));
  EXPECT_EQ(mailbox.size(), 1u) << "one that was taken is a new one";
}

TEST(Mailbox, RefusesQuestionsLongBeforeItIsFull) {
  Mailbox mailbox([] { throw Full(); });
  for (std::size_t i = 0; i < Mailbox::kCapacityForAsking; ++i) EXPECT_TRUE(mailbox.offer(Task([] {})));
  EXPECT_FALSE(mailbox.offer(Task([] {})));
  EXPECT_NO_THROW(mailbox.post(answer(1))) << "what adapters tell still has room";
}

TEST(Mailbox, BeingFullIsFatal) {
  Mailbox mailbox([] { throw Full(); });
  for (std::size_t i = 0; i < Mailbox::kCapacity; ++i) mailbox.post(answer(i));
  EXPECT_THROW(mailbox.post(answer(0)), Full);
}

TEST(Mailbox, OfWhatIsHeardTheLatestAloneIsKept) {
  Mailbox mailbox([] { throw Full(); });
  for (std::size_t i = 0; i < 2 * Mailbox::kCapacity; ++i) {
    PeersHeard heard;
    heard.peers.resize(i % 7 + 1);
    mailbox.post(heard);
  }
  PeersHeard last;
  last.peers.resize(9);
  mailbox.post(last);
  EXPECT_EQ(std::get<PeersHeard>(*mailbox.take(in(10s))).peers.size(), 9u);
  EXPECT_FALSE(mailbox.take(Instant{}).has_value());
}

TEST(Mailbox, AgesWhileAMessageWaits) {
  Mailbox mailbox([] { throw Full(); });
  EXPECT_EQ(mailbox.age(in(1h)), 0s) << "nothing to do";
  mailbox.post(answer(1));
  EXPECT_GT(mailbox.age(in(1h)), 59min);
}

TEST(Mailbox, AgesWhileItsThreadIsAtAMessageAndNotWhileItWaits) {
  Mailbox mailbox([] { throw Full(); });
  mailbox.post(answer(1));
  (void)mailbox.take(kNever);
  EXPECT_GT(mailbox.age(in(1h)), 59min) << "the thread has it and does not come back";
  (void)mailbox.take(Instant{});  // what woke it up is taken with it
  std::thread waiter([&] { (void)mailbox.take(kNever); });
  const Instant give_up = in(30s);
  while (mailbox.age(in(1h)) > 0s && read_clocks().mono < give_up) std::this_thread::yield();
  EXPECT_EQ(mailbox.age(in(1h)), 0s);
  mailbox.nudge();
  waiter.join();
  EXPECT_GT(mailbox.age(in(1h)), 59min);
}

TEST(Mailbox, AgesFromAWakeUpThatIsMissed) {
  Mailbox mailbox([] { throw Full(); });
  std::thread waiter([&] { (void)mailbox.take(in(20s)); });
  const Instant give_up = in(30s);
  while (mailbox.age(in(1min)) == 0s && read_clocks().mono < give_up) std::this_thread::yield();
  EXPECT_GT(mailbox.age(in(1min)), 30s) << "it was to wake up after 20 s";
  EXPECT_EQ(mailbox.age(in(1s)), 0s);
  mailbox.nudge();
  waiter.join();
}

}  // namespace
}  // namespace haven::daemon
