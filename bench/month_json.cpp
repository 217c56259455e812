#include <algorithm>
#include <iomanip>
#include <numeric>
#include <sstream>
#include <utility>

#include "month.hpp"

namespace haven::month {
namespace {

template <class Time>
double seconds(Time time) {
  return std::chrono::duration<double>(time).count();
}

std::vector<double> in_seconds(const std::vector<Duration>& durations) {
  std::vector<double> all;
  for (const auto d : durations) all.push_back(seconds(d));
  return all;
}

// One object: what is not a number comes as JSON already.
class Object {
 public:
  Object() { text_ << std::setprecision(12); }
  template <class Value>
  Object& add(const char* name, const Value& value) {
    text_ << (first_ ? "{\"" : ",\"") << name << "\":" << value;
    first_ = false;
    return *this;
  }
  [[nodiscard]] std::string text() const { return first_ ? "{}" : text_.str() + "}"; }

 private:
  std::ostringstream text_;
  bool first_ = true;
};

template <class Items, class AsText>
std::string list_of(const Items& items, AsText as_text) {
  std::string text = "[";
  for (const auto& item : items) text += (text.size() > 1 ? "," : "") + as_text(item);
  return text + "]";
}

std::string spread_of(std::vector<double> values) {
  Object object;
  object.add("count", values.size()).add("total", std::accumulate(values.begin(), values.end(), 0.0));
  if (values.empty()) return object.text();
  std::sort(values.begin(), values.end());
  const auto at = [&](std::size_t percent) { return values[(values.size() - 1) * percent / 100]; };
  return object.add("median", at(50)).add("p99", at(99)).add("worst", values.back()).text();
}

std::string moves_of(const std::array<std::int64_t, kReasons>& moves) {
  Object object;
  for (std::size_t r = 0; r < kReasons; ++r) object.add(kReasonNames[r], moves[r]);
  return object.text();
}

std::string options_of(const Options& o) {
  return Object()
      .add("hosts", o.hosts)
      .add("vms", o.vms)
      .add("days", o.days)
      .add("seed", o.seed)
      .add("balance", o.balance ? "true" : "false")
      .add("host_years", o.host_years)
      .add("repair_hours", o.repair_hours)
      .add("rack_years", o.rack_years)
      .add("rack_hours", o.rack_hours)
      .add("climb_days", o.climb_days)
      .add("full", o.full)
      .add("boot_s", seconds(o.boot))
      .text();
}

std::string availability_of(const Options& o, const Month& m) {
  const Downtime& d = m.downtime;
  const auto down = d.proof + d.start + d.room + d.still;
  // All of them, all the time: in nanoseconds more than an integer holds.
  const double wanted = static_cast<double>(o.vms) * o.days * 24 * 3600;
  return Object()
      .add("wanted_vm_s", wanted)
      .add("down_vm_s", seconds(down))
      .add("availability", 1 - seconds(down) / wanted)
      .add("without_waits_for_room", 1 - seconds(down - d.room) / wanted)
      .add("down_by_cause_vm_s", Object()
                                     .add("failure_to_proof", seconds(d.proof))
                                     .add("proof_to_answer", seconds(d.start))
                                     .add("no_room", seconds(d.room))
                                     .add("live_moves", seconds(d.still))
                                     .text())
      .text();
}

std::string windows_of(const Month& m) {
  const Windows& w = m.windows;
  return Object()
      .add("asked", w.asked)
      .add("done", w.done)
      .add("cut", w.cut)
      .add("asked_again", w.later)
      .add("given_up", w.given_up)
      .add("drained_s", spread_of(in_seconds(w.drained)))
      .add("copying_s", seconds(m.lane))
      .text();
}

std::string busy_of(const Busy& b) {
  std::vector<double> minutes(b.times_over.begin(), b.times_over.end());
  return Object()
      .add("host_minutes", b.host_minutes)
      .add("host_minutes_over_80", b.host_minutes_over)
      .add("cpu_hours_lacking", static_cast<double>(b.milli_cpu_minutes) / 60000)
      .add("times_over_80_minutes", spread_of(std::move(minutes)))
      .text();
}

std::string day_of(const Day& day) {
  return Object()
      .add("failures", day.failures)
      .add("failovers", day.failovers)
      .add("moves", moves_of(day.moves))
      .text();
}

std::string hour_of(const Hour& hour) {
  return Object().add("median", hour.median).add("p99", hour.p99).add("busiest", hour.busiest).text();
}

std::string took_of(const Month& m) {
  Object object;
  for (std::size_t d = 0; d < kDecisions; ++d) object.add(kDecisionNames[d], spread_of(m.took_ms[d]));
  return object.text();
}

}  // namespace

std::string to_json(const Options& options, const Month& m, bool times) {
  const auto quoted = [](const std::string& text) { return '"' + text + '"'; };
  Object object;
  object.add("options", options_of(options))
      .add("availability", availability_of(options, m))
      .add("host_failures", m.host_failures)
      .add("rack_failures", m.rack_failures)
      .add("failovers", m.failovers)
      .add("no_room_s", spread_of(in_seconds(m.waits)))
      .add("moves", moves_of(m.moves))
      .add("moves_cut", m.moves_cut)
      .add("maintenance", windows_of(m))
      .add("climbs", m.climbs)
      .add("busy", busy_of(m.busy))
      .add("running", m.running)
      .add("not_running", m.not_running)
      .add("wrong", list_of(m.wrong, quoted))
      .add("days", list_of(m.days, day_of))
      .add("hours", list_of(m.busy.hours, hour_of));
  if (times) object.add("planner_ms", took_of(m));
  return object.text();
}

}  // namespace haven::month
