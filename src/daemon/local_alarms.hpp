// What is wrong on this host and stands in no other record: it goes into the host's status, and so to everybody; and
// this host's own `haven status` shows it even while the engine is out of reach.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/report.hpp"

namespace haven::daemon {

class LocalAlarms {
 public:
  // Of one kind; further ones are counted and not told.
  static constexpr std::size_t kMostOfAKind = 8;
  static constexpr std::size_t kMostBytes = 400;  // of one sentence

  // Called with all sentences whenever they change, with the alarms locked; not for those that stood before.
  void on_change(std::function<void(std::vector<std::string>)> tell) {
    const std::lock_guard lock(mutex_);
    tell_ = std::move(tell);
  }
  // Any thread. An empty text ends the alarm.
  void set(const std::string& key, const std::string& text) {
    replace(key, text.empty() ? std::vector<std::string>{} : std::vector<std::string>{text});
  }
  // All alarms of this kind, instead of those before.
  void replace(const std::string& kind, std::vector<std::string> texts) {
    if (texts.size() > kMostOfAKind) {
      const std::size_t more = texts.size() - (kMostOfAKind - 1);
      texts.resize(kMostOfAKind - 1);
      texts.push_back("and " + std::to_string(more) + " more of this kind");
    }
    for (auto& text : texts) text.resize(std::min(text.size(), kMostBytes));
    const std::lock_guard lock(mutex_);
    const auto known = alarms_.find(kind);
    if (known == alarms_.end() ? texts.empty() : known->second == texts) return;
    if (texts.empty()) {
      alarms_.erase(kind);
    } else {
      alarms_[kind] = std::move(texts);
    }
    if (tell_) tell_(sentences());
  }
  [[nodiscard]] std::vector<Alarm> all() const {
    const std::lock_guard lock(mutex_);
    std::vector<Alarm> result;
    for (const auto& [kind, texts] : alarms_)
      for (const auto& text : texts) result.push_back({fmt::format("{}/{}", kind, text), text, {}, {}});
    return result;
  }

 private:
  [[nodiscard]] std::vector<std::string> sentences() const {
    std::vector<std::string> result;
    for (const auto& [kind, texts] : alarms_) result.insert(result.end(), texts.begin(), texts.end());
    return result;
  }

  mutable std::mutex mutex_;
  std::map<std::string, std::vector<std::string>> alarms_;
  std::function<void(std::vector<std::string>)> tell_;
};

}  // namespace haven::daemon
