#include "adapter/load/kernel.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <system_error>

namespace haven::adapter {
namespace {

constexpr std::uint64_t kKiBInMiB = 1024;

std::string_view line_of(std::string_view& text) {
  const auto end = text.find('\n');
  const auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

std::string_view word_of(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  const auto word = line.substr(0, line.find_first_of(" \t"));
  line.remove_prefix(word.size());
  return word;
}

template <class Number>
std::optional<Number> number_of(std::string_view word) {
  Number value{};
  const auto [rest, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || rest != word.data() + word.size()) return std::nullopt;
  return value;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

int whole(double percent) { return std::clamp(static_cast<int>(std::lround(percent)), 0, 100); }

}  // namespace

std::optional<CpuTicks> parse_stat(std::string_view proc_stat) {
  // user nice system idle iowait irq softirq steal; `guest` and `guest_nice` follow, and are in `user` and `nice`.
  enum { kIdle = 3, kIoWait = 4, kFields = 8 };
  CpuTicks ticks;
  bool found = false;
  while (!proc_stat.empty()) {
    std::string_view line = line_of(proc_stat);
    const auto key = word_of(line);
    if (!key.starts_with("cpu")) break;  // these lines are the first
    if (key != "cpu") {
      ++ticks.cpus;
      continue;
    }
    for (int i = 0; i < kFields; ++i) {
      const auto value = number_of<std::uint64_t>(word_of(line));
      if (!value) return std::nullopt;
      ticks.all += *value;
      if (i != kIdle && i != kIoWait) ticks.busy += *value;
    }
    found = true;
  }
  if (!found || ticks.cpus == 0) return std::nullopt;
  return ticks;
}

std::optional<MiB> parse_meminfo(std::string_view proc_meminfo) {
  std::optional<std::uint64_t> total, available;
  while (!proc_meminfo.empty()) {
    std::string_view line = line_of(proc_meminfo);
    const auto key = word_of(line);
    if (key == "MemTotal:") total = number_of<std::uint64_t>(word_of(line));
    if (key == "MemAvailable:") available = number_of<std::uint64_t>(word_of(line));
  }
  if (!total || !available || *available > *total) return std::nullopt;
  return MiB{static_cast<std::int64_t>((*total - *available) / kKiBInMiB)};
}

Pressure parse_pressure(std::string_view text) {
  Pressure pressure;
  while (!text.empty()) {
    std::string_view line = line_of(text);
    const auto kind = word_of(line);
    auto figure = word_of(line);
    constexpr std::string_view kKey = "avg10=";
    if (!figure.starts_with(kKey)) continue;
    figure.remove_prefix(kKey.size());
    const auto value = number_of<double>(figure);
    if (value && kind == "some") pressure.some = *value;
    if (value && kind == "full") pressure.full = *value;
  }
  return pressure;
}

MilliCpu used_between(const CpuTicks& before, const CpuTicks& after) {
  if (after.all <= before.all || after.busy <= before.busy) return {};
  const auto share = static_cast<double>(after.busy - before.busy) / static_cast<double>(after.all - before.all);
  return {std::llround(std::min(share, 1.0) * 1000 * after.cpus)};
}

std::optional<KernelReading> read_kernel(const KernelPaths& paths) {
  const auto cpu = parse_stat(text_of(paths.proc + "/stat"));
  const auto memory = parse_meminfo(text_of(paths.proc + "/meminfo"));
  if (!cpu || !memory) return std::nullopt;
  KernelReading reading{*cpu, {}};
  reading.figures.memory = *memory;
  reading.figures.cpu_some = whole(parse_pressure(text_of(paths.proc + "/pressure/cpu")).some);
  reading.figures.cpu_full = whole(parse_pressure(text_of(paths.guests_pressure)).full);
  reading.figures.memory_some = whole(parse_pressure(text_of(paths.proc + "/pressure/memory")).some);
  return reading;
}

}  // namespace haven::adapter
