#include "daemon/alarm_book.hpp"

#include <algorithm>

namespace haven::daemon {

const char* word(Telling telling) {
  switch (telling) {
    case Telling::raised:
      return "raised";
    case Telling::repeated:
      return "repeated";
    case Telling::cleared:
      return "cleared";
  }
  return "";
}

void AlarmBook::inherit(const std::vector<Alarm>& alarms, Now now) {
  for (const auto& alarm : alarms) {
    if (entries_.size() >= kMost) return;
    const Entry entry{alarm, now.wall, count_++, 0, true, now.mono, {}, now.mono};
    entries_.try_emplace(alarm.key, entry);
  }
}

void AlarmBook::stand(const std::vector<Alarm>& alarms, Now now) {
  std::map<std::string, const Alarm*> standing;
  for (const auto& alarm : alarms) standing.try_emplace(alarm.key, &alarm);
  for (auto it = entries_.begin(); it != entries_.end();) {
    Entry& entry = it->second;
    const auto still = standing.find(it->first);
    if (still != standing.end()) {
      entry.gone = kNever;
      entry.alarm = *still->second;  // its words may have changed
      standing.erase(still);
    } else if (entry.gone == kNever) {
      entry.gone = now.mono;
      // Nobody was told of it, so nobody needs to be told of its end.
      if (!entry.announced) {
        it = entries_.erase(it);
        continue;
      }
    }
    ++it;
  }
  for (const auto& alarm : alarms) {
    if (entries_.size() >= kMost) return;
    if (!standing.contains(alarm.key)) continue;
    entries_.try_emplace(alarm.key, Entry{alarm, now.wall, count_++, 0, false, now.mono, {}, kNever});
  }
}

void AlarmBook::hand_over(const std::vector<Alarm>& standing, const std::string& always_ours) {
  std::erase_if(entries_, [&](const auto& entry) {
    return entry.first != always_ours &&
           std::none_of(standing.begin(), standing.end(), [&](const Alarm& alarm) { return alarm.key == entry.first; });
  });
}

Instant AlarmBook::due_at(const Entry& entry) const {
  return std::max(entry.retry, entry.gone == kNever ? entry.due : entry.gone + ended_);
}

std::vector<Notice> AlarmBook::due(Instant now) const {
  std::vector<const Entry*> ready;
  for (const auto& [key, entry] : entries_)
    if (due_at(entry) <= now) ready.push_back(&entry);
  std::sort(ready.begin(), ready.end(), [](const Entry* a, const Entry* b) { return a->order < b->order; });
  std::vector<Notice> notices;
  for (const Entry* entry : ready) {
    const Telling standing = entry->times == 0 ? Telling::raised : Telling::repeated;
    notices.push_back({entry->gone == kNever ? standing : Telling::cleared, entry->alarm, entry->since, entry->times});
  }
  return notices;
}

void AlarmBook::told(const Notice& notice, bool well, Instant now) {
  const auto it = entries_.find(notice.alarm.key);
  if (it == entries_.end()) return;
  Entry& entry = it->second;
  if (!well) {
    entry.retry = now + std::min(kRetry, repeat_);
  } else if (notice.telling == Telling::cleared) {
    entries_.erase(it);
  } else {
    entry.announced = true;
    ++entry.times;
    entry.due = now + repeat_;
  }
}

Instant AlarmBook::next() const {
  Instant next = kNever;
  for (const auto& [key, entry] : entries_) next = std::min(next, due_at(entry));
  return next;
}

}  // namespace haven::daemon
