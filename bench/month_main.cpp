// One month, for bench/month: prints what came of it as JSON.
#include <sys/resource.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>

#include "month.hpp"

namespace haven::month {
namespace {

// False: the whole word is no number, or less than `least`.
bool read(const char* word, double least, double& value) {
  char* end = nullptr;
  value = std::strtod(word, &end);
  return end != word && *end == '\0' && value >= least && value <= 1e9;
}

bool read(int count, char** words, Options& options) {
  for (int i = 1; i < count; ++i) {
    const std::string name = words[i];
    if (name == "--no-balance") {
      options.balance = false;
      continue;
    }
    double value = 0;
    if (i + 1 == count || !read(words[++i], name == "--seed" ? 0 : 0.001, value)) return false;
    const std::map<std::string, double*> numbers{
        {"--host-years", &options.host_years}, {"--repair-hours", &options.repair_hours},
        {"--rack-years", &options.rack_years}, {"--rack-hours", &options.rack_hours},
        {"--climb-days", &options.climb_days}, {"--full", &options.full}};
    if (const auto number = numbers.find(name); number != numbers.end())
      *number->second = value;
    else if (name == "--boot")
      options.boot = std::chrono::milliseconds(static_cast<std::int64_t>(value * 1000));
    else if (name == "--hosts" && value >= 4)
      options.hosts = static_cast<std::size_t>(value);
    else if (name == "--vms" && value >= 1)
      options.vms = static_cast<std::size_t>(value);
    else if (name == "--days" && value >= 1 && value <= 366)
      options.days = static_cast<int>(value);
    else if (name == "--seed")
      options.seed = static_cast<std::uint64_t>(value);
    else
      return false;
  }
  return true;
}

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

int run(int count, char** words) {
  Options options;
  if (!read(count, words, options)) {
    std::cerr << "usage: month_pool [--hosts N (4 or more)] [--vms N] [--days N] [--seed N] [--no-balance]\n"
                 "                  [--host-years Y] [--repair-hours H] [--rack-years Y] [--rack-hours H]\n"
                 "                  [--climb-days D] [--full SHARE] [--boot SECONDS]\n";
    return 2;
  }
  const Month month = run_month(options);
  if (!month.refused.empty()) {
    std::cerr << "month_pool: " << month.refused << "\n";
    return 1;
  }
  std::string text = to_json(options, month, true);
  text.pop_back();
  std::cout << text << ",\"peak_mib\":" << peak_mib() << "}\n";
  return month.wrong.empty() ? 0 : 1;
}

}  // namespace
}  // namespace haven::month

int main(int count, char** words) { return haven::month::run(count, words); }
