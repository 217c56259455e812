// No schedule of pets, reads and delays lets a process of a silent host outlive the proof (P2, P3, P5).
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "core/liveness/promise.hpp"
#include "core/liveness/promise_count.hpp"

namespace haven {
namespace {

using std::chrono::milliseconds;

constexpr int kHistoriesPerRun = 20;

Instant at(std::int64_t ms) { return {milliseconds(ms)}; }
std::int64_t ms(Duration d) { return std::chrono::duration_cast<milliseconds>(d).count(); }
std::int64_t draw(std::int64_t least, std::int64_t most) { return *rc::gen::inRange(least, most + 1); }

// The engine's story: when the accused's key went, and the times without a leader, each of which ends a term.
struct History {
  Duration deadline{};
  Instant key_gone;
  struct Gap {
    Instant begins, ends;
  };
  std::vector<Gap> gaps;  // in order, apart

  [[nodiscard]] std::uint64_t term(Instant t) const {
    return 1 + static_cast<std::uint64_t>(
                   std::count_if(gaps.begin(), gaps.end(), [&](const Gap& gap) { return gap.ends <= t; }));
  }
  [[nodiscard]] bool led(Instant t) const {
    return std::none_of(gaps.begin(), gaps.end(), [&](const Gap& gap) { return gap.begins <= t && t < gap.ends; });
  }
};

History some_history() {
  History history;
  history.deadline = milliseconds(draw(15'000, 60'000));
  history.key_gone = at(draw(20'000, 60'000));
  std::int64_t t = 0;
  for (auto n = draw(0, 4); n > 0; --n) {
    const auto begins = t + draw(100, 40'000);
    const auto ends = begins + draw(100, 20'000);
    history.gaps.push_back({at(begins), at(ends)});
    t = ends;
  }
  return history;
}

// The last moment at which anything of the host can run: it reads and is waived as late as it likes, pets as late as it
// may, each pet comes late by as much as the watchdog lets it, and nothing but the watchdog ends it.
Instant bitten(const History& history) {
  const Duration w = watchdog_time(history.deadline);
  std::vector<Instant> good;
  for (auto t = ms(history.key_gone.since_boot) - draw(0, 5'000); t > 0; t -= draw(100, 8'000))
    if (history.led(at(t))) good.push_back(at(t));
  for (const auto& gap : history.gaps)
    for (auto n = draw(0, 2); n > 0; --n)
      good.push_back(at(draw(ms(gap.begins.since_boot), ms(gap.ends.since_boot) - 1)));
  std::sort(good.begin(), good.end());
  RC_PRE(!good.empty());
  PromiseClock clock{history.deadline, good.front()};
  Instant pet = good.front();  // when the latest one truly reached the device
  Instant decided = pet;
  std::size_t next = 0;
  while (true) {
    decided = decided + milliseconds(draw(1, ms(w)));
    while (next < good.size() && good[next] <= decided) clock.last_good = good[next++];
    if (decided > pet + w || decided >= pets_end(clock)) return pet + w;
    const Instant reaches = decided + milliseconds(draw(0, ms(w)));
    if (reaches > pet + w) return pet + w;
    pet = std::max(pet, reaches);
  }
}

// The first moment at which some controller may hold the host for dead. It reads when it likes, in its own clock, which
// runs up to 5 % fast.
std::optional<Instant> proved(const History& history) {
  PromiseCounts counts;
  const std::pair<HostName, Incarnation> boot{HostName{"h1"}, Incarnation{"b"}};
  const std::int64_t speed = draw(1000, 1050);
  const auto own = [&](Instant t) { return Instant{t.since_boot / 1000 * speed}; };
  for (auto t = draw(1, 60'000); t < 400'000; t += draw(50, 30'000)) {
    const Instant sent = at(t);
    const Instant received = at(t + draw(0, 2'000));
    const Instant read = at(draw(t, ms(received.since_boot)));  // when the engine looked
    if (!history.led(read)) continue;
    KeyReading reading{own(sent), own(received), read >= history.key_gone, {}, history.term(received)};
    fold_reading(counts, boot, Revision{1}, history.deadline, reading);
    const auto count = counts.find(boot);
    if (count != counts.end() && count->second.over) return received;
  }
  return std::nullopt;
}

RC_GTEST_PROP(Promise, NoScheduleLetsAProcessOutliveTheProof, ()) {
  for (int i = 0; i < kHistoriesPerRun; ++i) {
    const History history = some_history();
    const auto proof = proved(history);
    if (!proof) continue;
    RC_ASSERT(bitten(history) <= *proof);
  }
}

RC_GTEST_PROP(Promise, ItsDeadlinesComeInOrderAndTheLastBiteInTime, ()) {
  const PromiseClock clock{milliseconds(draw(15'000, 600'000)), at(draw(0, 1'000'000))};
  const Duration w = watchdog_time(clock.deadline);
  RC_ASSERT(clock.last_good + read_interval(clock.deadline) < doubt_from(clock));
  RC_ASSERT(doubt_from(clock) < stop_from(clock));
  RC_ASSERT(stop_from(clock) < kill_from(clock));
  RC_ASSERT(kill_from(clock) < pets_end(clock));
  RC_ASSERT(pets_end(clock) + 2 * w <= clock.last_good + clock.deadline);
  RC_ASSERT(clock.last_good + clock.deadline < clock.last_good + proof_wait(clock.deadline));
}

// A start that is allowed now leaves room for a pet that was decided before it and comes late.
RC_GTEST_PROP(Promise, AStartLeavesRoomForALatePet, ()) {
  const PromiseClock clock{milliseconds(draw(15'000, 600'000)), at(0)};
  const Instant now = at(draw(0, 700'000));
  RC_PRE(room_for_start(clock, now));
  RC_ASSERT(now + 2 * watchdog_time(clock.deadline) < clock.last_good + clock.deadline);
}

}  // namespace
}  // namespace haven
