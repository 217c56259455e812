// A simulated watchdog. Nothing happens for a pet: when it bites follows from what was said last. It takes the worst
// that the rules allow: the last pet comes just before the permit ends, and late by all of W; a machine that hangs, or
// whose havend is gone, petted it a moment before.
#pragma once

#include <algorithm>

#include "core/model/units.hpp"

namespace haven::sim {

class Watchdog {
 public:
  void arm(Duration bites_after, Instant now) {
    bites_after_ = bites_after;
    bites_at_ = now + bites_after;
    permit_ = now;
    petted_ = true;
  }
  void disarm() { bites_at_ = kNever; }
  // The device died: it neither bites nor takes a pet.
  void die() { disarm(); }
  [[nodiscard]] bool armed() const { return bites_at_ != kNever; }
  void pet_until(Instant permit, Instant now) {
    if (!armed()) return;
    // A pet that was decided a moment ago may still come, late by W.
    permit_ = permit;
    if (petted_) bites_at_ = permit > now ? permit + 2 * bites_after_ : std::min(bites_at_, now + 2 * bites_after_);
  }
  // Nobody pets any more; somebody does again.
  void lose_petter(Instant now) {
    petted_ = false;
    if (armed()) bites_at_ = std::min(bites_at_, now + bites_after_);
  }
  void regain_petter(Instant now) {
    petted_ = true;
    if (armed() && now < bites_at_ && now < permit_) bites_at_ = permit_ + 2 * bites_after_;
  }
  [[nodiscard]] Instant bites_at() const { return bites_at_; }

 private:
  Duration bites_after_{};
  Instant permit_;
  Instant bites_at_ = kNever;
  bool petted_ = false;
};

}  // namespace haven::sim
