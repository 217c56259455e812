#include "daemon/alarm_watch.hpp"

#include <algorithm>
#include <utility>

namespace haven::daemon {

void TellersRole::add_own(std::vector<Alarm>& alarms, const std::vector<Alarm>& local) const {
  for (const Alarm& own : local) {
    // As the cluster calls it once it stands in this host's status.
    const std::string key = "host/" + here_.str() + "/" + own.text;
    const bool known = std::any_of(alarms.begin(), alarms.end(), [&](const Alarm& alarm) { return alarm.key == key; });
    if (!known) alarms.push_back({key, here_.str() + ": " + own.text, here_, {}});
  }
}

Standing TellersRole::turn(const Scene& scene, const std::vector<Alarm>& local, Now now) {
  Standing standing;
  standing.cluster = scene.cluster;
  standing.always_ours = "engine/" + here_.str();
  const bool leads = scene.engine && scene.leads;
  const bool tells_own = leads || !scene.engine || !scene.led;
  if (scene.engine)
    engine_out_since_.reset();
  else if (!engine_out_since_)
    engine_out_since_ = now.mono;
  if (engine_out_since_ && now.mono - *engine_out_since_ >= kEngineOut)
    standing.alarms.push_back({standing.always_ours,
                               here_.str() + ": the engine is out of reach: nothing changes until it is back",
                               here_,
                               {}});
  if (leads) standing.alarms.insert(standing.alarms.end(), scene.alarms.begin(), scene.alarms.end());
  if (tells_own) add_own(standing.alarms, local);
  if (leads && !led_before_) {
    standing.new_reign = true;
    standing.inherited = scene.said_before;
  }
  standing.handed_over = (led_before_ && !leads) || (told_own_ && !tells_own);
  led_before_ = leads;
  told_own_ = tells_own;
  return standing;
}

AlarmWatch::AlarmWatch(Runtime& runtime, LocalAlarms& local, HostName here,
                       std::vector<std::unique_ptr<AlarmCourier>> couriers)
    : runtime_(runtime), local_(local), role_(std::move(here)), couriers_(std::move(couriers)) {
  if (!couriers_.empty()) thread_ = std::thread([this] { serve(); });
}

AlarmWatch::~AlarmWatch() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void AlarmWatch::look() {
  Scene scene;
  const bool seen = runtime_.see([&](const Runtime::Sight& sight) {
    const Report report = sight.node.report();
    scene.engine = report.engine;
    scene.leads = sight.node.leads();
    scene.led = report.controller.has_value();
    scene.cluster = report.cluster;
    scene.alarms = report.alarms;
    for (const auto& [key, record] : alarms_said(sight.node.view()))
      scene.said_before.push_back({key, record.why, record.host, record.resource});
  });
  if (!seen) return;
  const Standing standing = role_.turn(scene, local_.all(), read_clocks());
  for (const auto& courier : couriers_) courier->stand(standing);
}

void AlarmWatch::serve() {
  std::uint64_t news = 0;
  auto looked = std::chrono::steady_clock::now() - kLookAnyway;
  std::unique_lock lock(mutex_);
  while (!ending_) {
    lock.unlock();
    const std::uint64_t now = runtime_.wait_news(news, Duration(0));
    if (now > news || std::chrono::steady_clock::now() - looked >= kLookAnyway) {
      news = now;
      looked = std::chrono::steady_clock::now();
      look();
    }
    lock.lock();
    changed_.wait_for(lock, kPause, [this] { return ending_; });
  }
}

}  // namespace haven::daemon
