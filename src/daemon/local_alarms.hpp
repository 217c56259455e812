// What is wrong on this host alone and stands in no record: shown by this host's `haven status`.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "core/report.hpp"

namespace haven::daemon {

class LocalAlarms {
 public:
  // Any thread. An empty text ends the alarm.
  void set(const std::string& key, const std::string& text) {
    const std::lock_guard lock(mutex_);
    if (text.empty()) {
      alarms_.erase(key);
    } else {
      alarms_[key] = text;
    }
  }
  [[nodiscard]] std::vector<Alarm> all() const {
    const std::lock_guard lock(mutex_);
    std::vector<Alarm> result;
    for (const auto& [key, text] : alarms_) result.push_back({key, text, {}, {}});
    return result;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> alarms_;
};

}  // namespace haven::daemon
