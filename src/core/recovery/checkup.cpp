#include "core/recovery/checkup.hpp"

#include <algorithm>
#include <utility>

namespace haven {
namespace {

// One that nobody could ask is tried again after this.
constexpr Duration kAskAgain = 1s;
// Or three intervals of its slowest check.
constexpr Duration kPulseRecent = 1min;

// splitmix64, as in node.cpp: nothing rests on it but that checks do not go in step.
std::uint64_t next_chance(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15U);
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

}  // namespace

const char* word(CheckKind kind) {
  switch (kind) {
    case CheckKind::guest_agent:
      return "guest-agent";
    case CheckKind::tcp:
      return "tcp";
    case CheckKind::http:
      return "http";
    case CheckKind::exec:
      return "exec";
    case CheckKind::memory:
      return "memory";
    case CheckKind::disk_io:
      return "disk-io";
  }
  return "";
}

std::string called(const GuestCheck& check) {
  std::string text = word(check.kind);
  if (!check.url.empty()) return text + " " + check.url;
  if (!check.address.empty()) text += " " + check.address;
  if (check.port != 0) text += " " + std::to_string(check.port);
  if (!check.command.empty()) text += " " + check.command.front();
  return text;
}

Checkup::Checkup(std::vector<GuestCheck> checks, Instant began, std::uint64_t chance)
    : checks_(std::move(checks)), courses_(checks_.size()), began_(began), chance_(chance) {
  for (std::size_t i = 0; i < checks_.size(); ++i) {
    const auto share = static_cast<std::int64_t>(next_chance(chance_) % 1000);
    courses_[i].next = began + checks_[i].interval * share / 1000;
  }
}

Duration Checkup::jittered(Duration interval) {
  const auto percent = static_cast<std::int64_t>(next_chance(chance_) % (2 * kJitter + 1)) - kJitter;
  return interval + interval * percent / 100;
}

Instant Checkup::next() const {
  Instant next = kNever;
  for (const Course& course : courses_)
    if (!course.under_way && !course.still) next = std::min(next, course.next);
  return next;
}

std::vector<std::size_t> Checkup::take_due(Instant now) {
  std::vector<std::size_t> due;
  for (std::size_t i = 0; i < courses_.size(); ++i) {
    Course& course = courses_[i];
    if (course.under_way || course.still || course.next > now) continue;
    course.under_way = true;
    course.asked = now;
    due.push_back(i);
  }
  return due;
}

// What the hypervisor counted since the last look.
void Checkup::watch(const CheckAnswer& answer, Instant now) {
  if (!answer.pulse) return;
  if (pulse_ && now - pulse_at_ < kPulseApart) return;
  // What was counted long ago says nothing of the silence of now.
  Duration recent = kPulseRecent;
  for (const GuestCheck& check : checks_) recent = std::max(recent, 3 * check.interval);
  beat_ = Beat::unknown;
  if (pulse_ && now - pulse_at_ <= recent) {
    const bool works = answer.pulse->cpu - pulse_->cpu >= (now - pulse_at_) * kBusyShare / 100;
    const bool writes = answer.pulse->requests != pulse_->requests;
    beat_ = works || writes ? Beat::busy : Beat::idle;
  }
  pulse_ = answer.pulse;
  pulse_at_ = now;
}

Checkup::Heard Checkup::judged(const GuestCheck& check, const Course& course, const CheckAnswer& answer) const {
  switch (check.kind) {
    case CheckKind::guest_agent:
    case CheckKind::tcp:
    case CheckKind::http:
    case CheckKind::exec:
      return {answer.passed, answer.silent, answer.said};
    case CheckKind::memory:
      if (!answer.pulse || !answer.pulse->available)
        return {false, answer.silent, "the guest does not tell its memory"};
      if (*answer.pulse->available >= check.available) return {true, false, ""};
      return {false, false, std::to_string(answer.pulse->available->count) + " MiB are left"};
    case CheckKind::disk_io:
      if (!answer.pulse) return {false, true, "its counters cannot be read"};
      // The first look has nothing to compare with.
      if (!course.pulse) return {true, false, ""};
      if (answer.pulse->errors > course.pulse->errors) return {false, false, "requests to its disks failed"};
      if (answer.pulse->pending && course.pulse->pending && answer.pulse->requests == course.pulse->requests)
        return {false, false, "requests to its disks do not come to an end"};
      return {true, false, ""};
  }
  return {};
}

void Checkup::fold(std::size_t check, const CheckAnswer& answer, Instant now) {
  Course& course = courses_.at(check);
  const GuestCheck& asked = checks_[check];
  watch(answer, now);
  const Heard heard = judged(asked, course, answer);
  if (answer.pulse) course.pulse = answer.pulse;
  course.under_way = false;
  course.next = std::max(now, course.asked + jittered(asked.interval));
  if (course.still) return;  // it was on its way as the network went
  course.silent = !heard.passed && heard.silent;
  if (heard.passed) {
    course.passed = true;
    course.ill = false;
    course.weight = 0;
    return;
  }
  course.said = heard.said.substr(0, kSaidKept);
  const int most = asked.failures * kBusyPatience;
  course.weight = std::min(most, course.weight + (course.silent && beat_ == Beat::busy ? 1 : kBusyPatience));
  const bool counts = course.passed || now >= began_ + asked.grace;
  course.ill |= counts && course.weight >= most;
}

void Checkup::drop(std::size_t check, Instant now) {
  courses_.at(check).under_way = false;
  courses_[check].next = now + kAskAgain;
}

void Checkup::set_network(bool asked, Instant now) {
  for (std::size_t i = 0; i < checks_.size(); ++i) {
    Course& course = courses_[i];
    if (!by_network(checks_[i].kind) || course.still == !asked) continue;
    course.still = !asked;
    if (!asked) continue;
    course.ill = false;
    course.weight = 0;
    course.next = std::max(course.next, now);
  }
}

Checkup::Verdict Checkup::verdict() const {
  Verdict verdict;
  bool all_passed = true, silent = true;
  for (std::size_t i = 0; i < checks_.size(); ++i) {
    const Course& course = courses_[i];
    all_passed &= course.passed;
    // Whoever still answers anything by itself does not hang.
    const bool asked_of_it = checks_[i].kind != CheckKind::memory && checks_[i].kind != CheckKind::disk_io;
    if (asked_of_it && !course.still) silent &= course.silent;
    if (!course.ill) continue;
    const bool first = verdict.state != Health::ill;
    verdict.by_network = (first || verdict.by_network) && by_network(checks_[i].kind);
    if (first) verdict.why = called(checks_[i]) + ": " + course.said;
    verdict.state = Health::ill;
  }
  if (verdict.state == Health::ill)
    verdict.hung = silent && beat_ == Beat::idle;
  else if (all_passed)
    verdict.state = Health::well;
  return verdict;
}

}  // namespace haven
