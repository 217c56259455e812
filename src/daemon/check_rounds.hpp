// The checks of this host's guests, on a thread of their own: core/recovery/rounds says what is to be asked and when,
// the port asks, and the brain hears of it when what the checks say has changed.
//
// Bounded: no more than kAtOnce questions are under way; what is due beyond that waits, and is late.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/recovery/rounds.hpp"
#include "port/guests.hpp"

namespace haven::daemon {

class CheckRounds {
 public:
  static constexpr std::size_t kAtOnce = 512;

  using Told = std::function<void(HealthSeen)>;
  // How late each question was asked, for whoever measures that; may be empty.
  using Asked = std::function<void(Duration late)>;
  // `told`: on this object's thread; must not block.
  CheckRounds(std::uint64_t seed, Told told, Asked asked = {});
  ~CheckRounds();
  CheckRounds(const CheckRounds&) = delete;
  CheckRounds& operator=(const CheckRounds&) = delete;

  // Once, before anything is attended. It outlives this object, or stop() comes first.
  void begin(port::Guests& guests);
  // Nothing is asked or told any more.
  void stop();

  // From any thread; none of them waits.
  void know(std::shared_ptr<const Spec> spec);
  void attend(const AttendGuest& order);
  void answered(port::GuestChecked checked);

 private:
  void serve();
  void take_in();
  void ask(const std::vector<CheckCall>& calls);
  [[nodiscard]] static Instant now();

  Told told_;
  Asked asked_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;
  std::shared_ptr<const Spec> next_spec_;
  std::vector<AttendGuest> orders_;
  std::vector<port::GuestChecked> answers_;
  port::Guests* guests_ = nullptr;
  // The thread's own.
  Rounds rounds_;
  std::shared_ptr<const Spec> spec_;
  std::size_t under_way_ = 0;
  std::thread thread_;
};

}  // namespace haven::daemon
