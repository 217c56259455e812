// Which alarms this host tells people about, and when: all of the cluster's while it holds the office; its own while
// nobody does or the engine is out of its reach; and that the engine is out of reach in any case. Otherwise the
// controller tells them.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "daemon/alarm_courier.hpp"
#include "daemon/local_alarms.hpp"
#include "daemon/runtime.hpp"

namespace haven::daemon {

// What a look at the node shows.
struct Scene {
  bool engine = false;             // within reach
  bool leads = false;              // this host holds the office
  bool led = false;                // somebody does
  std::string cluster;             // its name
  std::vector<Alarm> alarms;       // of the cluster
  std::vector<Alarm> said_before;  // by the journal, without their end
};

// From scenes to what stands for the couriers. Pure.
class TellersRole {
 public:
  // Out of reach for less is an election, or a restart.
  static constexpr Duration kEngineOut = 10s;
  explicit TellersRole(HostName here) : here_(std::move(here)) {}
  [[nodiscard]] Standing turn(const Scene& scene, const std::vector<Alarm>& local, Now now);

 private:
  void add_own(std::vector<Alarm>& alarms, const std::vector<Alarm>& local) const;
  HostName here_;
  bool led_before_ = false;
  bool told_own_ = false;
  std::optional<Instant> engine_out_since_;
};

class AlarmWatch {
 public:
  static constexpr auto kPause = std::chrono::seconds(1);       // between two looks
  static constexpr auto kLookAnyway = std::chrono::seconds(5);  // without any news

  // All of them outlive this. No courier: nothing is done.
  AlarmWatch(Runtime& runtime, LocalAlarms& local, HostName here, std::vector<std::unique_ptr<AlarmCourier>> couriers);
  ~AlarmWatch();
  AlarmWatch(const AlarmWatch&) = delete;
  AlarmWatch& operator=(const AlarmWatch&) = delete;

 private:
  void serve();
  void look();

  Runtime& runtime_;
  LocalAlarms& local_;
  TellersRole role_;
  std::vector<std::unique_ptr<AlarmCourier>> couriers_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace haven::daemon
