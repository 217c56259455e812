// The log: one line per decision, to standard error, where the service manager takes it.
#pragma once

#include <string>

namespace haven::daemon {

enum class LogLevel { debug, info, warning, error };

void start_log(LogLevel least);
// Any thread.
void log(LogLevel level, const std::string& line);
// Everything said so far is written.
void flush_log();

}  // namespace haven::daemon
