#include "config.hpp"

#include <csignal>
#include <set>

#include <toml++/toml.h>

namespace lab {
namespace {

tl::expected<int, std::string> signal_of(const std::string& name) {
  if (name == "TERM") return SIGTERM;
  if (name == "PWR") return SIGPWR;
  return tl::unexpected("stop_signal is \"TERM\" or \"PWR\", not \"" + name + "\"");
}

tl::expected<ServiceConfig, std::string> read_service(const toml::table& table) {
  ServiceConfig service;
  service.name = table["name"].value_or(std::string());
  if (service.name.empty()) return tl::unexpected(std::string("a service without a name"));
  if (const toml::array* words = table["command"].as_array()) {
    for (const toml::node& word : *words) service.command.push_back(word.value_or(std::string()));
  }
  if (service.command.empty() || service.command.front().rfind('/', 0) != 0) {
    return tl::unexpected(service.name + ": command begins with an absolute path");
  }
  service.log = table["log"].value_or("/dev/null");
  service.nice = table["nice"].value_or(0);
  service.oom_score_adj = table["oom_score_adj"].value_or(0);
  service.restart = table["restart"].value_or(true);
  service.stop_timeout = Milliseconds(table["stop_timeout_ms"].value_or<std::int64_t>(5000));
  const auto stop_signal = signal_of(table["stop_signal"].value_or("TERM"));
  if (!stop_signal) return tl::unexpected(service.name + ": " + stop_signal.error());
  service.stop_signal = *stop_signal;
  return service;
}

}  // namespace

tl::expected<std::vector<ServiceConfig>, std::string> read_services(const std::string& path) {
  toml::table file;
  try {
    file = toml::parse_file(path);
  } catch (const toml::parse_error& error) {
    return tl::unexpected(path + ": " + std::string(error.description()));
  }
  std::vector<ServiceConfig> services;
  std::set<std::string> names;
  const toml::array* tables = file["service"].as_array();
  if (tables == nullptr) return services;
  for (const toml::node& node : *tables) {
    const toml::table* table = node.as_table();
    if (table == nullptr) return tl::unexpected(path + ": service is a list of tables");
    auto service = read_service(*table);
    if (!service) return tl::unexpected(path + ": " + service.error());
    if (!names.insert(service->name).second) return tl::unexpected(path + ": two services named " + service->name);
    services.push_back(std::move(*service));
  }
  return services;
}

}  // namespace lab
