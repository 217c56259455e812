// What holds for every course of losses, stalls and deaths (S1, S4).
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/liveness/ears.hpp"

namespace haven {
namespace {
using story::Ears;

constexpr std::size_t kHosts = 3;

Duration some_ms(int least, int most) { return std::chrono::milliseconds(*rc::gen::inRange(least, most + 1)); }

// Whatever is lost, late, stalled or sent again: nobody counts as heard later than it last sent anything.
RC_GTEST_PROP(HearingProperty, NobodyIsHeardAfterItsDeath, ()) {
  Ears ears(kHosts, 2);
  ears.run_for(500ms);
  const unsigned seed = *rc::gen::arbitrary<unsigned>();
  unsigned random = seed | 1U;
  ears.lost = [&random](std::size_t, std::size_t, std::size_t) {
    random = random * 1664525U + 1013904223U;
    return (random >> 28U) == 0;
  };
  const auto victim = *rc::gen::inRange<std::size_t>(0, kHosts);
  const std::size_t observer = (victim + 1) % kHosts;
  ears.run_for(some_ms(1, 500));
  const bool stalls = *rc::gen::arbitrary<bool>();
  if (stalls) ears.stall(observer, true);
  ears.run_for(some_ms(1, 300));
  ears.die(victim);
  const Instant died = ears.clock(observer);
  const std::vector<Heartbeat> recorded = ears.sent;
  ears.run_for(some_ms(0, 2000));
  const bool was_stalled = stalls;
  ears.stall(observer, false);
  const int replays = *rc::gen::inRange(0, 50);
  for (int i = 0; i < replays; ++i) {
    const auto& packet = recorded[*rc::gen::inRange<std::size_t>(0, recorded.size())];
    (void)ears.hearing(observer).take(packet, ears.clock(observer));
  }
  ears.run_for(ears.roster.suspect + 150ms);
  RC_ASSERT(!ears.hears(observer, victim));
  if (!was_stalled) RC_ASSERT(ears.peer(observer, victim).last <= died);
}

// A network that loses nothing: however its observers stall, the living are heard by whoever is awake and was not hung
// itself, and by whoever just woke up.
RC_GTEST_PROP(HearingProperty, AStallOfTheObserverAccusesNobody, ()) {
  Ears ears(kHosts);
  ears.run_for(500ms + some_ms(0, 100));
  const int stalls = *rc::gen::inRange(1, 6);
  for (int i = 0; i < stalls; ++i) {
    ears.stall(0, true);
    ears.run_for(some_ms(1, 3000));
    ears.stall(0, false);
    const int awake_ms = *rc::gen::inRange(120, 400);
    for (int ms = 0; ms < awake_ms; ++ms) {
      ears.run_for(1ms);
      RC_ASSERT(ears.hears(0, 1));
      RC_ASSERT(ears.hears(0, 2));
    }
  }
}

// A living host over a link that loses a tenth of its packets is never missed for good.
RC_GTEST_PROP(HearingProperty, ALivingHostIsHeardAgain, ()) {
  Ears ears(kHosts);
  const auto cut_ms = *rc::gen::inRange(1, 3000);
  ears.run_for(300ms);
  ears.lost = [](std::size_t from, std::size_t to, std::size_t) { return from == 0 || to == 0; };
  ears.run_for(std::chrono::milliseconds(cut_ms));
  ears.lost = nullptr;
  ears.run_for(250ms);
  RC_ASSERT(ears.hears(0, 1));
  RC_ASSERT(ears.hears(1, 0));
}

}  // namespace
}  // namespace haven
