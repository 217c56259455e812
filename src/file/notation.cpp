#include "file/notation.hpp"

#include <cinttypes>
#include <cstdio>

#include "core/model/wording.hpp"
#include "core/recovery/checkup.hpp"
#include "file/quantity.hpp"

namespace haven::file {
namespace {

// Empty: there is none of them.
std::string list_of(std::vector<std::string> texts) {
  for (std::string& text : texts) text = toml_text(text);
  return texts.empty() ? "" : "[" + with_commas(texts) + "]";
}

template <class Names>
std::string list_of(const Names& names) {
  return list_of(texts_of(names));
}

std::string ratio(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

const char* flag(bool value) { return value ? "true" : "false"; }

std::string prefer_of(const HostRules& rules) {
  std::string out;
  for (const auto& tie : rules.prefer) {
    out += out.empty() ? "" : ", ";
    out += tie.size() == 1 ? toml_text(tie.front().str()) : list_of(tie);
  }
  return out.empty() ? "" : "[" + out + "]";
}

std::string host_rules(const HostRules& rules) {
  std::string out;
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) out += (out.empty() ? "" : ", ") + std::string(key) + " = " + value;
  };
  add("only", list_of(rules.only));
  add("prefer", prefer_of(rules));
  add("never", list_of(rules.never));
  return out.empty() ? "" : "{ " + out + " }";
}

std::string device(const FenceDevice& d) {
  std::string out = "{ agent = " + toml_text(d.agent);
  if (d.level != 1) out += ", level = " + std::to_string(d.level);
  if (!d.cuts.empty()) out += ", cuts = " + list_of(d.cuts);
  for (const auto& [key, value] : d.options) out += ", " + key + " = " + toml_text(value);
  return out + " }";
}

const char* word_of(Failback failback) {
  switch (failback) {
    case Failback::off:
      return "false";
    case Failback::migrate:
      return "true";
    case Failback::restart:
      return "\"restart\"";
  }
  return "";
}

const char* word_of(ShutdownPolicy policy) {
  switch (policy) {
    case ShutdownPolicy::migrate:
      return "migrate";
    case ShutdownPolicy::failover:
      return "failover";
    case ShutdownPolicy::stop:
      return "stop";
    case ShutdownPolicy::freeze:
      return "freeze";
    case ShutdownPolicy::conditional:
      return "conditional";
  }
  return "";
}

// FNV-1a: the same text has the same one in every release and on every host.
std::string fingerprint(const std::string& xml) {
  if (xml.empty()) return "";
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const unsigned char c : xml) hash = (hash ^ c) * 0x100000001b3;
  char text[32];
  std::snprintf(text, sizeof text, "XML %08" PRIx32, static_cast<std::uint32_t>(hash ^ (hash >> 32)));
  return text;
}

// What stands at its default stays out.
std::string check_of(const GuestCheck& c) {
  const GuestCheck usual;
  std::string out = "{ kind = " + toml_text(word(c.kind));
  const auto text = [&](const char* key, const std::string& value) {
    if (!value.empty()) out += std::string(", ") + key + " = " + toml_text(value);
  };
  const auto span = [&](const char* key, Duration value, Duration by_default) {
    if (value != by_default) text(key, format_duration(value));
  };
  text("address", c.address);
  if (c.port != 0) out += ", port = " + std::to_string(c.port);
  text("url", c.url);
  if (c.status != 0) out += ", status = " + std::to_string(c.status);
  text("contains", c.contains);
  text("ca", c.authority);
  if (!c.command.empty()) out += ", command = " + list_of(c.command);
  if (c.available.count != 0) text("available", format_size(c.available));
  span("interval", c.interval, usual.interval);
  span("timeout", c.timeout, usual.timeout);
  if (c.failures != usual.failures) out += ", failures = " + std::to_string(c.failures);
  span("grace", c.grace, usual.grace);
  return out + " }";
}

std::string repair_of(const Repair& r) {
  std::string out = "{ kind = " + toml_text(word(r.remedy));
  if (!r.command.empty()) out += ", command = " + list_of(r.command);
  out += ", limit = " + std::to_string(r.limit) + ", within = " + toml_text(format_duration(r.within));
  if (!r.command.empty()) out += ", timeout = " + toml_text(format_duration(r.timeout));
  return out + " }";
}

template <class T>
std::string tables_of(const std::vector<T>& all, std::string (*one)(const T&)) {
  std::string out;
  for (const T& each : all) out += (out.empty() ? "" : ", ") + one(each);
  return out.empty() ? "" : "[" + out + "]";
}

}  // namespace

const char* word_of(FailureDomain level) {
  switch (level) {
    case FailureDomain::host:
      return "host";
    case FailureDomain::rack:
      return "rack";
    case FailureDomain::room:
      return "room";
    case FailureDomain::site:
      return "site";
  }
  return "";
}

const char* word_of(Balance balance) {
  switch (balance) {
    case Balance::off:
      return "off";
    case Balance::advise:
      return "advise";
    case Balance::automatic:
      return "auto";
  }
  return "";
}

const char* word_of(RuleKind kind) {
  switch (kind) {
    case RuleKind::apart:
      return "apart";
    case RuleKind::together:
      return "together";
  }
  return "";
}

const char* word_of(DesiredState state) {
  switch (state) {
    case DesiredState::started:
      return "started";
    case DesiredState::stopped:
      return "stopped";
    case DesiredState::ignored:
      return "ignored";
  }
  return "";
}

std::string toml_text(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04X", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

Keys keys_of(const Cluster& c) {
  return {{"name", c.name},
          {"reserve", std::to_string(c.reserve)},
          {"reserve_domain", word_of(c.reserve_domain)},
          {"lease", format_duration(c.lease)},
          {"voters", list_of(c.voters)},
          {"witness", c.witness},
          {"cpu_overcommit", ratio(c.cpu_overcommit)},
          {"overbook", ratio(c.overbook)},
          {"heartbeat", format_duration(c.heartbeat)},
          {"suspect", format_duration(c.suspect)},
          {"after_fence", c.after_fence == AfterFence::on ? "on" : "off"},
          {"shutdown_policy", word_of(c.shutdown_policy)},
          {"balance", word_of(c.balance)},
          {"hogs", c.hogs == Hogs::cap ? "cap" : "tell"}};
}

Keys keys_of(const Host& h) {
  Keys keys{{"address", h.address},
            {"cpu", h.cpu.count == 0 ? "" : std::to_string(h.cpu.count)},
            {"memory", h.memory.count == 0 ? "" : format_size(h.memory)},
            {"keep.cpu", std::to_string(h.keep_cpu.count)},
            {"keep.memory", format_size(h.keep_memory)},
            {"links", list_of(h.links)},
            {"site", h.site},
            {"room", h.room},
            {"rack", h.rack},
            {"runs_on", h.runs_on}};
  std::string devices;
  for (const FenceDevice& d : h.fence) devices += (devices.empty() ? "" : ", ") + device(d);
  keys.emplace_back("fence", devices);
  keys.emplace_back("self_fence", flag(h.self_fence));
  keys.emplace_back("promise", format_duration(h.promise));
  keys.emplace_back("watchdog_accept_soft", flag(h.watchdog_accept_soft));
  return keys;
}

Keys keys_of(const Resource& r) {
  return {{"domain", fingerprint(r.xml)},
          {"uuid", r.uuid},
          {"cpu", std::to_string(r.cpu.count)},
          {"memory", format_size(r.memory)},
          {"state", word_of(r.state)},
          {"priority", std::to_string(r.priority)},
          {"preempt", flag(r.preempt)},
          {"tolerate", r.tolerate_host ? "host" : "guest"},
          {"when", r.when ? r.when->text : ""},
          {"hosts", host_rules(r.hosts)},
          {"failback", word_of(r.failback)},
          {"live_migration", r.live_migration ? "true" : "false"},
          {"cap", flag(r.cap)},
          {"restarts.limit", std::to_string(r.restarts.limit)},
          {"restarts.within", format_duration(r.restarts.within)},
          {"relocations", std::to_string(r.relocations)},
          {"retry", flag(r.retry)},
          {"on_stop_fail", r.on_stop_fail == OnStopFail::fence ? "fence" : "hold"},
          {"on_poweroff", r.on_poweroff == OnPoweroff::stop ? "stop" : "restart"},
          {"after", list_of(r.after)},
          {"after_timeout", format_duration(r.after_timeout)},
          {"on_after_timeout", r.on_after_timeout == AfterTimeout::go_on ? "continue" : "hold"},
          {"before_serve", list_of(r.before_serve)},
          {"serve", list_of(r.serve)},
          {"check", tables_of(r.checks, check_of)},
          {"repair", tables_of(r.repairs, repair_of)}};
}

Keys keys_of(const Rule& r) {
  return {{"kind", word_of(r.kind)},
          {"resources", list_of(r.resources)},
          {"domain", word_of(r.domain)},
          {"strict", flag(r.strict)}};
}

}  // namespace haven::file
