#include "daemon/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace haven::daemon {
namespace {

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

void start_log(LogLevel least) {
  auto logger = spdlog::stderr_logger_mt("havend");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  logger->set_level(level_of(least));
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

// Names and libvirt's words may hold anything: a line stays a line.
void log(LogLevel level, const std::string& line) {
  std::string flat = line;
  for (char& c : flat) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  spdlog::log(level_of(level), "{}", flat);
}

void flush_log() { spdlog::default_logger()->flush(); }

}  // namespace haven::daemon
