// What the file says of a guest's health: [[vm.check]], [[vm.repair]], what calls it up, and how long others wait.
#include <algorithm>

#include "file/draft.hpp"

namespace haven::file {
namespace {

constexpr const char* kCommandExample = R"(a program and its arguments, as ["/usr/bin/pg_isready", "-q"])";
constexpr std::size_t kMostChecks = 32, kMostSteps = 16, kMostWords = 64, kLongestWord = 4096;

struct KindKeys {
  CheckKind kind;
  const char* name;
  std::vector<std::string> needed, also;
};
const std::vector<KindKeys>& kinds() {
  static const std::vector<KindKeys> kKinds{
      {CheckKind::guest_agent, "guest-agent", {}, {}},
      {CheckKind::tcp, "tcp", {"port"}, {"address"}},
      {CheckKind::http, "http", {"url"}, {"address", "port", "status", "contains", "ca"}},
      {CheckKind::exec, "exec", {"command"}, {"contains"}},
      {CheckKind::memory, "memory", {"available"}, {}},
      {CheckKind::disk_io, "disk-io", {}, {}},
  };
  return kKinds;
}

const char* example_of(const std::string& key) {
  if (key == "port") return "port = 80";
  if (key == "url") return "url = \"/health\" (on the guest), or \"https://10.0.0.50/health\"";
  if (key == "available") return "available = \"64MiB\"";
  return "command = [\"/usr/bin/pg_isready\"]";
}

GuestCommand read_command(Table& table, const std::string& key) {
  GuestCommand command;
  const auto words = table.texts(key, kCommandExample);
  if (!words) return command;
  for (const LocatedText& word : *words) command.push_back(word.value);
  const bool long_word = std::any_of(command.begin(), command.end(), [](const std::string& word) {
    return word.size() > kLongestWord || word.find('\0') != std::string::npos;
  });
  if (command.empty() || command.front().empty())
    table.wrong(table.at(key), table.called(key) + " names no program", kCommandExample);
  if (command.size() > kMostWords || long_word)
    table.wrong(table.at(key), table.called(key) + " is longer than a command may be",
                "at most 64 words of 4096 bytes each; a program in the guest for what is longer");
  return command;
}

void read_span(Table& table, const char* key, Duration& value, Duration least, Duration most, Zero zero) {
  const auto v = table.duration(key, zero);
  if (!v) return;
  value = v->value;
  const bool none = zero == Zero::allowed && value == Duration::zero();
  if ((value < least && !none) || value > most)
    table.wrong(v->at, table.called(key) + " is " + format_duration(value),
                "from \"" + format_duration(least) + "\" to \"" + format_duration(most) + "\"");
}

bool is_address(const std::string& text) {
  return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == ':' || c == '-' || c == '_';
  });
}

bool is_url(const std::string& url) {
  const bool clean =
      url.size() <= 2048 && std::all_of(url.begin(), url.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  if (!clean) return false;
  if (url.starts_with("/")) return true;
  for (const std::string scheme : {"http://", "https://"}) {
    if (!url.starts_with(scheme)) continue;
    const std::string rest = url.substr(scheme.size());
    return !rest.empty() && rest.front() != '/' && rest.find('@') == std::string::npos;
  }
  return false;
}

void read_places(Table& table, GuestCheck& check) {
  if (const auto v = table.text("address", "an IP address or a host name")) {
    check.address = v->value;
    if (!is_address(v->value))
      table.wrong(v->at, in_quotes(v->value) + " is no address", R"(an IP address or a host name, as "10.0.0.50")");
  }
  if (const auto v = table.count("port", 1, 65535)) check.port = static_cast<int>(v->value);
  if (const auto v = table.text("url", example_of("url"))) {
    check.url = v->value;
    if (!is_url(v->value)) table.wrong(v->at, in_quotes(v->value) + " is no URL of a check", example_of("url"));
    const bool whole = !v->value.starts_with("/");
    if (whole && (table.has("address") || table.has("port")))
      table.wrong(v->at, "url names where to ask, and address or port do so as well", "one of them");
  }
  if (const auto v = table.count("status", 100, 599)) check.status = static_cast<int>(v->value);
  if (const auto v = table.text("contains", "a text that must stand in the answer")) check.contains = v->value;
  if (const auto v = table.text("ca", "the path of a PEM file on every host")) {
    check.authority = v->value;
    if (!v->value.starts_with("/"))
      table.wrong(v->at, in_quotes(v->value) + " is no absolute path", "\"/etc/haven/ca.pem\", the same on every host");
    if (!check.url.starts_with("https://"))
      table.wrong(v->at, "ca without https: nothing would be verified by it", "url = \"https://…\"");
  }
}

GuestCheck read_check(Table table) {
  GuestCheck check;
  std::vector<std::string> names, common{"kind", "interval", "timeout", "failures", "grace"};
  for (const KindKeys& kind : kinds()) names.emplace_back(kind.name);
  table.require("kind", "kind = \"tcp\"");
  const auto kind = table.word("kind", names);
  const auto keys =
      std::find_if(kinds().begin(), kinds().end(), [&](const KindKeys& k) { return kind && *kind == k.name; });
  read_places(table, check);
  if (table.has("command")) {
    check.command = read_command(table, "command");
  } else {
    (void)table.node("command");
  }
  if (const auto v = table.size("available", Zero::refused)) check.available = rounded_up(v->value);
  read_span(table, "interval", check.interval, 1s, 1h, Zero::refused);
  read_span(table, "timeout", check.timeout, 100ms, 10min, Zero::refused);
  if (const auto v = table.count("failures", 1, 100)) check.failures = static_cast<int>(v->value);
  read_span(table, "grace", check.grace, 1s, 2h, Zero::allowed);
  if (keys != kinds().end()) {
    check.kind = keys->kind;
    for (const std::string& key : keys->needed) table.require(key, example_of(key));
    for (const char* key : {"address", "port", "url", "status", "contains", "ca", "command", "available"}) {
      const auto has = [&](const std::vector<std::string>& list) {
        return std::find(list.begin(), list.end(), key) != list.end();
      };
      if (table.has(key) && !has(keys->needed) && !has(keys->also))
        table.wrong(table.at(key), std::string(key) + " says nothing to a check of kind " + in_quotes(keys->name),
                    "the check without " + std::string(key));
    }
  }
  table.finish();
  return check;
}

Repair read_repair(Table table) {
  Repair repair;
  table.require("kind", "kind = \"restart\"");
  repair.remedy = table
                      .choice<Remedy>("kind", {{"command", Remedy::command},
                                               {"application", Remedy::application},
                                               {"restart", Remedy::restart},
                                               {"failover", Remedy::failover}})
                      .value_or(Remedy::restart);
  const bool runs = repair.remedy == Remedy::command || repair.remedy == Remedy::application;
  if (runs) {
    table.require("command", R"(command = ["/usr/bin/systemctl", "restart", "postgresql"])");
    repair.command = read_command(table, "command");
    read_span(table, "timeout", repair.timeout, 1s, 1h, Zero::refused);
  } else {
    for (const char* key : {"command", "timeout"}) {
      (void)table.node(key);
      if (table.has(key))
        table.wrong(table.at(key), std::string(key) + " says nothing to a step that runs no command",
                    "kind = \"command\" or \"application\", or the step without " + std::string(key));
    }
  }
  if (const auto v = table.count("limit", 0, 1000)) repair.limit = static_cast<int>(v->value);
  read_span(table, "within", repair.within, 1s, 720h, Zero::refused);
  table.finish();
  return repair;
}

// Restarted as often as any other end of it allows, then moved.
std::vector<Repair> usual_ladder(const Resource& r) {
  Repair restart{.remedy = Remedy::restart, .command = {}, .limit = r.restarts.limit, .within = r.restarts.within};
  return {restart, Repair{.remedy = Remedy::failover, .command = {}, .limit = 1, .within = 1h}};
}

}  // namespace

void read_health(Table& table, VmDraft& draft) {
  Resource& r = draft.resource;
  for (Table& check : table.tables("check", "[[vm.check]]")) {
    draft.check_at.push_back(check.at());
    r.checks.push_back(read_check(std::move(check)));
  }
  if (r.checks.size() > kMostChecks)
    table.wrong(table.at("check"), "more than 32 [[vm.check]] tables", "at most 32 checks for one vm");
  draft.repair_at = table.at("repair");
  for (Table& repair : table.tables("repair", "[[vm.repair]]")) r.repairs.push_back(read_repair(std::move(repair)));
  if (r.repairs.size() > kMostSteps)
    table.wrong(table.at("repair"), "more than 16 [[vm.repair]] tables", "at most 16 steps for one vm");
  draft.call_up_at = table.at(table.has("before_serve") ? "before_serve" : "serve");
  if (table.has("before_serve")) r.before_serve = read_command(table, "before_serve");
  if (table.has("serve")) r.serve = read_command(table, "serve");
  (void)table.node("before_serve");
  (void)table.node("serve");
  const bool cared_for = !r.checks.empty() || is_called_up(r);
  if (!r.repairs.empty() && !cared_for)
    table.wrong(draft.repair_at, "[[vm.repair]] without any [[vm.check]]: nothing would ever call for it",
                "a [[vm.check]], or the vm without [[vm.repair]]");
  if (cared_for && !table.has("repair")) r.repairs = usual_ladder(r);
  read_span(table, "after_timeout", r.after_timeout, 1s, 720h, Zero::allowed);
  r.on_after_timeout =
      table.choice<AfterTimeout>("on_after_timeout", {{"hold", AfterTimeout::hold}, {"continue", AfterTimeout::go_on}})
          .value_or(AfterTimeout::hold);
  for (const char* key : {"after_timeout", "on_after_timeout"})
    if (table.has(key) && !table.has("after"))
      table.wrong(table.at(key), std::string(key) + " without after: there is nobody to wait for",
                  "after = [\"db1\"], or the vm without " + std::string(key));
}

// A check that nobody could answer would call a healthy guest ill.
void check_health(const VmDraft& vm, const DomainText& domain, Problems& problems) {
  const Resource& r = vm.resource;
  if (domain.agent && !domain.container) return;
  const std::string lacks = domain.container ? "is a container, which has no agent and no counters that Haven reads"
                                             : "has no channel to a guest agent";
  const std::string wanted =
      domain.container ? "checks of kind tcp or http"
                       : "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel> in its "
                         "XML, and qemu-guest-agent in the guest";
  for (std::size_t i = 0; i < r.checks.size(); ++i) {
    const CheckKind kind = r.checks[i].kind;
    const bool needs = by_agent(kind) || kind == CheckKind::disk_io || (kind == CheckKind::memory && domain.container);
    if (needs)
      problems.add(vm.check_at[i], "this check asks the guest's agent, but " + r.name.str() + " " + lacks, wanted);
  }
  if (is_called_up(r))
    problems.add(vm.call_up_at, "before_serve and serve run by the guest's agent, but " + r.name.str() + " " + lacks,
                 wanted);
  const bool runs_any =
      std::any_of(r.repairs.begin(), r.repairs.end(), [](const Repair& step) { return !step.command.empty(); });
  if (runs_any)
    problems.add(vm.repair_at, "[[vm.repair]] runs a command by the guest's agent, but " + r.name.str() + " " + lacks,
                 wanted);
}

}  // namespace haven::file
