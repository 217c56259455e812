#include "file/local_config.hpp"

#include <algorithm>
#include <charconv>

#include "file/quantity.hpp"
#include "file/table.hpp"

namespace haven::file {
namespace {

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port >= 1 && port <= 65535;
}

// HOST:PORT, an IPv6 address in brackets.
bool is_host_and_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || !is_port(text.substr(colon + 1))) return false;
  const std::string_view host = text.substr(0, colon);
  const bool bracketed = host.front() == '[' && host.back() == ']';
  return bracketed || host.find_first_of(":[]/ ") == std::string_view::npos;
}

void read_endpoints(Table& table, LocalConfig& config) {
  const std::string example = R"(endpoints = ["http://10.0.0.1:2379", "http://10.0.0.2:2379"])";
  const auto list = table.texts("endpoints", example);
  const bool etcd = config.engine == EngineKind::etcd;
  if (!list) return;  // with etcd: those of the engine that this host has joined
  if (!etcd)
    table.wrong(table.at("endpoints"), "endpoints with the embedded engine", "engine = \"etcd\", or no endpoints");
  if (etcd && list->empty()) table.wrong(table.at("endpoints"), "endpoints names nobody", example);
  for (const Located<std::string>& e : *list) {
    const bool secure = e.value.starts_with("https://"), plain = e.value.starts_with("http://");
    const std::string_view rest = std::string_view(e.value).substr(secure ? 8 : plain ? 7 : 0);
    if ((!secure && !plain) || !is_host_and_port(rest)) {
      table.wrong(e.at, in_quotes(e.value) + " is no endpoint", "\"http://HOST:PORT\" or \"https://HOST:PORT\"");
    } else if (secure && !table.has("tls")) {
      table.wrong(e.at, in_quotes(e.value) + " needs tls",
                  R"(tls = { ca = "ca.pem", cert = "h1.pem", key = "h1.key" })");
    } else if (std::count_if(list->begin(), list->end(),
                             [&](const auto& o) { return o.value == e.value && o.at < e.at; }) > 0) {
      table.wrong(e.at, in_quotes(e.value) + " stands twice in endpoints", "each endpoint once");
    }
    config.endpoints.push_back(e.value);
  }
}

void read_tls(Table& table, LocalConfig& config) {
  auto inner = table.table("tls", "tls", R"({ ca = "ca.pem", cert = "h1.pem", key = "h1.key" })");
  if (!inner) return;
  Tls tls;
  const auto path = [&](const char* key, std::string& out) {
    inner->require(key, std::string(key) + " = \"/etc/haven/" + key + ".pem\"");
    if (const auto v = inner->text(key, "the path of a PEM file")) out = v->value;
  };
  path("ca", tls.ca);
  path("cert", tls.cert);
  path("key", tls.key);
  inner->finish();
  config.tls = tls;
}

void read_path(Table& table, const char* key, std::string& out) {
  const auto v = table.text(key, "an absolute path");
  if (!v) return;
  if (!v->value.starts_with("/"))
    table.wrong(v->at, table.called(key) + " is relative", "an absolute path, as " + in_quotes(out));
  out = v->value;
}

// http:// or https:// and a host, perhaps a port, perhaps a path.
bool is_web_address(std::string_view text) {
  const bool secure = text.starts_with("https://"), plain = text.starts_with("http://");
  if (!secure && !plain) return false;
  const std::string_view rest = text.substr(secure ? 8 : 7);
  const std::string_view host = rest.substr(0, rest.find('/'));
  const auto graphic = [](unsigned char c) { return c > ' ' && c < 0x7f; };
  if (host.empty() || host.front() == ':' || !std::all_of(rest.begin(), rest.end(), graphic)) return false;
  const bool bare_v6 = host.front() == '[' && host.back() == ']';
  return bare_v6 || host.find(':') == std::string_view::npos || is_host_and_port(host);
}

void read_alarms(Table& table, LocalConfig& config) {
  auto inner = table.table("alarms", "[alarms]", R"([alarms] with exec = "/usr/local/sbin/page")");
  if (!inner) return;
  AlarmConfig& alarms = config.alarms;
  const auto path = [&](const char* key, const std::string& example, std::string& out) {
    const auto v = inner->text(key, example);
    if (!v) return;
    if (!v->value.starts_with("/")) inner->wrong(v->at, inner->called(key) + " is relative", example);
    out = v->value;
  };
  path("exec", "an absolute path, as \"/usr/local/sbin/page\"", alarms.exec);
  const std::string address = "\"https://alarms.example.org/haven\"";
  if (const auto v = inner->text("webhook", address)) {
    if (!is_web_address(v->value)) inner->wrong(v->at, in_quotes(v->value) + " is no address", address);
    alarms.webhook = v->value;
  }
  path("webhook_ca", "an absolute path, as \"/etc/haven/ca.pem\"", alarms.webhook_ca);
  if (const auto v = inner->duration("repeat", Zero::refused)) {
    if (v->value < 10s) inner->wrong(v->at, inner->called("repeat") + " is too short", "\"10s\" or more");
    alarms.repeat = v->value;
  }
  inner->finish();
}

void read_migration(Table& table, LocalConfig& config) {
  auto inner = table.table("migration", "[migration]", R"([migration] with transport = "tls")");
  if (!inner) return;
  MigrationConfig& migration = config.migration;
  migration.tls = inner->choice<bool>("transport", {{"tls", true}, {"tcp", false}}).value_or(true);
  if (const auto v = inner->size("bandwidth", Zero::refused)) migration.bandwidth_per_second = rounded_up(v->value);
  if (const auto v = inner->duration("max_downtime", Zero::refused)) migration.max_downtime = v->value;
  migration.trust_storage = inner->flag("trust_storage").value_or(false);
  inner->finish();
}

}  // namespace

tl::expected<LocalConfig, std::vector<FileError>> parse_local_config(std::string_view text,
                                                                     const std::string& file_name) {
  Problems problems(file_name);
  const std::optional<toml::table> root = parse_toml(text, problems);
  if (!root) return tl::make_unexpected(problems.in_order());
  LocalConfig config;
  Table table(*root, {1, 1}, "havend.toml", problems);
  table.require("host", "host = \"h1\" (this host's name in the cluster file)");
  if (const auto v = table.name("host")) config.host = HostName(v->value);
  if (const auto v = table.name("cluster")) config.cluster = v->value;
  config.engine = table.choice<EngineKind>("engine", {{"embedded", EngineKind::embedded}, {"etcd", EngineKind::etcd}})
                      .value_or(EngineKind::embedded);
  read_endpoints(table, config);
  read_tls(table, config);
  if (const auto v = table.text("listen", "\"10.0.0.1:7420\"")) {
    config.listen = v->value;
    if (!is_host_and_port(v->value))
      table.wrong(v->at, in_quotes(v->value) + " is no place to listen", "\"ADDRESS:PORT\"");
  }
  read_path(table, "heartbeat_key", config.heartbeat_key);
  if (const auto v = table.count("heartbeat_port", 1, 65535)) config.heartbeat_port = static_cast<int>(v->value);
  read_path(table, "run_dir", config.run_dir);
  read_path(table, "state_dir", config.state_dir);
  config.log = table
                   .choice<LogLevel>("log", {{"debug", LogLevel::debug},
                                             {"info", LogLevel::info},
                                             {"warning", LogLevel::warning},
                                             {"error", LogLevel::error}})
                   .value_or(LogLevel::info);
  read_alarms(table, config);
  read_migration(table, config);
  table.finish();
  if (!problems.empty()) return tl::make_unexpected(problems.in_order());
  return config;
}

}  // namespace haven::file
