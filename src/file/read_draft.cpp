#include <algorithm>

#include "file/draft.hpp"
#include "file/when.hpp"

namespace haven::file {
namespace {

const std::initializer_list<std::pair<const char*, FailureDomain>> kFailureDomains{{"host", FailureDomain::host},
                                                                                   {"rack", FailureDomain::rack},
                                                                                   {"room", FailureDomain::room},
                                                                                   {"site", FailureDomain::site}};
constexpr const char* kResourceList = R"(a list of names, as ["web1", "web2"])";
constexpr const char* kHostList = R"(a list of hosts, as ["h1", "h2"])";

// Large clusters hear more peers, and suspect more slowly. A silence of less than three packets may be chance.
void read_heartbeat(Table& table, Cluster& c, std::size_t hosts) {
  constexpr std::size_t kManyHosts = 17;
  constexpr int kPacketsMissed = 3;
  if (hosts >= kManyHosts) {
    c.heartbeat = 200ms;
    c.suspect = 1s;
  }
  if (const auto v = table.duration("heartbeat", Zero::refused)) {
    c.heartbeat = v->value;
    if (c.heartbeat < 50ms || c.heartbeat > 10s) {
      table.wrong(v->at, table.called("heartbeat") + " is " + format_duration(c.heartbeat),
                  "from \"50ms\" to \"10s\"; 100ms is the default");
    }
  }
  if (const auto v = table.duration("suspect", Zero::refused)) {
    c.suspect = v->value;
    if (c.suspect < 300ms || c.suspect > 1min) {
      table.wrong(v->at, table.called("suspect") + " is " + format_duration(c.suspect),
                  "from \"300ms\" to \"1m\"; 500ms is the default");
      return;
    }
  }
  if (c.suspect < kPacketsMissed * c.heartbeat) {
    table.wrong(table.at(table.has("suspect") ? "suspect" : "heartbeat"),
                "a host would be suspected after " + format_duration(c.suspect) + " with a heartbeat each " +
                    format_duration(c.heartbeat),
                "suspect = \"" + format_duration(kPacketsMissed * c.heartbeat) + "\" or more, or a shorter heartbeat");
  }
}

ClusterDraft read_cluster(Table table, std::size_t hosts) {
  ClusterDraft draft;
  draft.at = table.at();
  Cluster& c = draft.cluster;
  table.require("name", "name = \"prod\"");
  if (const auto v = table.name("name")) c.name = v->value;
  c.reserve = hosts == 1 ? 0 : 1;
  draft.reserve = table.count("reserve", 0, 63);
  if (draft.reserve) c.reserve = static_cast<int>(draft.reserve->value);
  c.reserve_domain = table.choice("reserve_domain", kFailureDomains).value_or(FailureDomain::host);
  if (const auto v = table.duration("lease", Zero::refused)) {
    c.lease = v->value;
    if (c.lease < 1s || c.lease > 10min) {
      table.wrong(v->at, table.called("lease") + " is " + format_duration(c.lease),
                  "from \"1s\" to \"10m\"; 3s is the default");
    }
  }
  draft.voters = table.texts("voters", kHostList);
  if (draft.voters && draft.voters->empty()) {
    table.wrong(table.at("voters"), "voters in [cluster] names nobody", "at least one host, or no voters key at all");
  }
  draft.witness = table.name("witness");
  c.cpu_overcommit = table.ratio("cpu_overcommit").value_or(4.0);
  c.overbook = table.ratio("overbook").value_or(1.0);
  read_heartbeat(table, c, hosts);
  c.shutdown_policy = table
                          .choice<ShutdownPolicy>("shutdown_policy", {{"migrate", ShutdownPolicy::migrate},
                                                                      {"failover", ShutdownPolicy::failover},
                                                                      {"stop", ShutdownPolicy::stop},
                                                                      {"freeze", ShutdownPolicy::freeze},
                                                                      {"conditional", ShutdownPolicy::conditional}})
                          .value_or(ShutdownPolicy::migrate);
  c.after_fence = table.choice<AfterFence>("after_fence", {{"off", AfterFence::off}, {"on", AfterFence::on}})
                      .value_or(AfterFence::off);
  c.balance = table
                  .choice<Balance>("balance",
                                   {{"off", Balance::off}, {"advise", Balance::advise}, {"auto", Balance::automatic}})
                  .value_or(Balance::advise);
  c.hogs = table.choice<Hogs>("hogs", {{"tell", Hogs::tell}, {"cap", Hogs::cap}}).value_or(Hogs::tell);
  if (c.hogs == Hogs::cap && c.balance == Balance::off)
    table.wrong(table.at("hogs"), "hogs = \"cap\" with balance = \"off\": nobody looks for hogs",
                "balance = \"advise\" or \"auto\", or hogs = \"tell\"");
  table.finish();
  return draft;
}

bool is_secret(const std::string& option) {
  const bool names_file = option.ends_with("_file") || option.ends_with("_script");
  return option.find("passw") != std::string::npos && !names_file;
}

// A status that is "off" wherever it knows no better proves nothing (F3).
constexpr const char* kGuessingAgent = "fence_virsh";

FenceDevice read_fence(Table table, FenceDraft& draft) {
  FenceDevice device;
  const std::string wanted = "agent = \"fence_ipmilan\"";
  table.require("agent", wanted);
  if (const auto v = table.text("agent", wanted)) {
    device.agent = v->value;
    const bool fits = v->value.starts_with("fence_") && v->value.size() > 6 &&
                      v->value.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
    if (!fits) table.wrong(v->at, in_quotes(v->value) + " is no fence agent", "the name of one, as \"fence_ipmilan\"");
    if (v->value == kGuessingAgent) {
      table.wrong(v->at, in_quotes(v->value) + " calls every state that it does not know off: it proves nothing",
                  "runs_on = \"HOST\" in [[host]] for a virtual host, or an agent of the physical machine");
    }
  }
  if (const auto v = table.count("level", 1, 16)) device.level = static_cast<int>(v->value);
  if (auto v = table.texts("cuts", kHostList)) {
    if (v->empty())
      table.wrong(table.at("cuts"), "cuts in [[host.fence]] names nobody", "every host that it switches off");
    draft.cuts = std::move(*v);
    for (const LocatedText& cut : draft.cuts) device.cuts.emplace_back(cut.value);
  }
  if (const toml::node* found = table.node("options")) {
    const std::string example = R"({ ip = "10.9.0.1", username = "admin", password_file = "/etc/haven/h1.pw" })";
    const toml::table* options = found->as_table();
    if (options == nullptr) table.wrong_type("options", *found, example);
    if (options != nullptr) {
      for (const auto& [key, value] : *options) {
        const std::string name(key.str());
        const auto* text = value.as_string();
        if (text == nullptr) {
          table.wrong(position_of(value.source()), "option " + name + " is no text",
                      name + " = \"1\": the agent's options are texts");
        } else if (is_secret(name)) {
          table.wrong(position_of(key.source()), "option " + name + " shows a secret to everybody who reads this file",
                      name + "_file = \"/etc/haven/NAME.pw\": a file that only root can read");
        } else {
          device.options[name] = text->get();
        }
      }
    }
  }
  table.finish();
  return device;
}

std::optional<LocatedText> address_checked(Table& table, const LocatedText& address) {
  const bool fits = !address.value.empty() && address.value.size() <= 255 &&
                    std::all_of(address.value.begin(), address.value.end(), [](unsigned char c) {
                      return std::isalnum(c) != 0 || c == '.' || c == ':' || c == '-' || c == '_' || c == '%';
                    });
  if (fits) return address;
  table.wrong(address.at, in_quotes(address.value) + " is no address",
              R"(an IP address or a host name, as "10.0.0.1")");
  return std::nullopt;
}

void read_keep(Table& host_table, HostDraft& draft) {
  draft.keep_at = host_table.at("keep");
  auto keep = host_table.table("keep", "keep", R"({ cpu = 1, memory = "2GiB" })");
  if (!keep) return;
  if (const auto v = keep->count("cpu", 0)) draft.host.keep_cpu = {v->value};
  if (const auto v = keep->size("memory", Zero::allowed)) draft.host.keep_memory = rounded_up(v->value);
  keep->finish();
}

void read_promise(Table& table, Host& host) {
  host.self_fence = table.flag("self_fence").value_or(false);
  if (const auto v = table.duration("promise", Zero::refused)) {
    host.promise = v->value;
    constexpr Duration kShortest = 15s, kLongest = 10min;
    if (host.promise < kShortest || host.promise > kLongest) {
      table.wrong(v->at, table.called("promise") + " is " + format_duration(host.promise),
                  "from \"15s\" to \"10m\"; 30s is the default");
    }
  }
  host.watchdog_accept_soft = table.flag("watchdog_accept_soft").value_or(false);
}

HostDraft read_host(Table table, Purpose purpose) {
  HostDraft draft;
  Host& h = draft.host;
  table.require("name", "name = \"h1\"");
  draft.at = table.at("name");
  if (const auto v = table.name("name")) h.name = HostName(v->value);
  table.require("address", "address = \"10.0.0.1\"");
  if (const auto v = table.text("address", "an IP address or a host name")) draft.address = address_checked(table, *v);
  if (draft.address) h.address = draft.address->value;
  if (purpose == Purpose::simulate) {
    table.require("cpu", "cpu = 16 (the simulator has no libvirt to ask)");
    table.require("memory", "memory = \"64GiB\" (the simulator has no libvirt to ask)");
  }
  if (const auto v = table.count("cpu", 1)) h.cpu = {v->value};
  if (const auto v = table.size("memory", Zero::refused)) h.memory = rounded_down(v->value);
  read_keep(table, draft);
  if (const auto v = table.texts("links", R"(a list of addresses, as ["10.0.0.1", "10.1.0.1"])")) {
    if (v->empty())
      table.wrong(table.at("links"), "links in [[host]] names no address", "at least one, or no links key at all");
    for (const LocatedText& link : *v) {
      if (const auto fine = address_checked(table, link)) draft.links.push_back(*fine);
    }
    constexpr std::size_t kMostLinks = 8;
    if (v->size() > kMostLinks)
      table.wrong(table.at("links"), "links in [[host]] names more than 8", "at most 8 links");
    for (const LocatedText& link : draft.links) h.links.push_back(link.value);
  }
  if (h.links.empty()) h.links = {h.address};
  if (const auto v = table.name("site")) h.site = v->value;
  if (const auto v = table.name("room")) h.room = v->value;
  if (const auto v = table.name("rack")) h.rack = v->value;
  for (Table& fence : table.tables("fence", "[[host.fence]]")) {
    FenceDraft& device = draft.fence.emplace_back();
    device.at = fence.at();
    h.fence.push_back(read_fence(std::move(fence), device));
  }
  draft.runs_on = table.name("runs_on");
  if (draft.runs_on) h.runs_on = draft.runs_on->value;
  read_promise(table, h);
  if (h.self_fence && draft.runs_on)
    table.wrong(table.at("self_fence"), "self_fence in a virtual host: its watchdog stops with its pause",
                "fencing by its physical machine alone");
  table.finish();
  return draft;
}

// prefer = ["h1", ["h2", "h3"]]: an entry is a host or a tie of hosts.
void read_prefer(Table& rules, VmDraft& draft) {
  const std::string example = R"(hosts, best first, a tie as an inner list: ["h1", ["h2", "h3"]])";
  const toml::node* found = rules.node("prefer");
  if (found == nullptr) return;
  const toml::array* list = found->as_array();
  if (list == nullptr) return rules.wrong_type("prefer", *found, example);
  const auto add = [&](const toml::node& entry, std::vector<LocatedText>& tie) {
    if (const auto* text = entry.as_string()) {
      tie.push_back({text->get(), position_of(entry.source())});
    } else {
      rules.wrong(position_of(entry.source()), "an entry of prefer is no host", example);
    }
  };
  for (const toml::node& entry : *list) {
    std::vector<LocatedText>& tie = draft.prefer.emplace_back();
    if (const toml::array* inner = entry.as_array()) {
      if (inner->empty()) rules.wrong(position_of(entry.source()), "a tie in prefer names nobody", example);
      for (const toml::node& host : *inner) add(host, tie);
    } else {
      add(entry, tie);
    }
  }
}

void read_host_rules(Table& table, VmDraft& draft) {
  auto rules = table.table("hosts", "hosts", R"({ prefer = ["h1", ["h2", "h3"]], never = ["h4"] })");
  if (!rules) return;
  draft.hosts_at = rules->at();
  if (const auto v = rules->texts("only", kHostList)) {
    draft.only = *v;
    if (v->empty())
      rules->wrong(rules->at("only"), "only in hosts names nobody", "at least one host, or no only key at all");
  }
  if (const auto v = rules->texts("never", kHostList)) draft.never = *v;
  read_prefer(*rules, draft);
  rules->finish();
}

void read_failback(Table& table, Resource& r) {
  const toml::node* found = table.node("failback");
  if (found == nullptr) return;
  if (const auto* flag = found->as_boolean()) {
    r.failback = flag->get() ? Failback::migrate : Failback::off;
  } else if (const auto* text = found->as_string(); text != nullptr && text->get() == "restart") {
    r.failback = Failback::restart;
  } else {
    table.wrong(position_of(found->source()), table.called("failback") + " is neither of its values",
                "true, false or \"restart\"");
  }
}

void read_recovery(Table& table, VmDraft& draft) {
  Resource& r = draft.resource;
  if (auto restarts = table.table("restarts", "restarts", R"({ limit = 1, within = "10m" })")) {
    if (const auto v = restarts->count("limit", 0, 1000)) r.restarts.limit = static_cast<int>(v->value);
    if (const auto v = restarts->duration("within", Zero::refused)) r.restarts.within = v->value;
    restarts->finish();
  }
  if (const auto v = table.count("relocations", 0, 1000)) r.relocations = static_cast<int>(v->value);
  r.retry = table.flag("retry").value_or(true);
  r.on_stop_fail = table.choice<OnStopFail>("on_stop_fail", {{"hold", OnStopFail::hold}, {"fence", OnStopFail::fence}})
                       .value_or(OnStopFail::hold);
  r.on_poweroff =
      table.choice<OnPoweroff>("on_poweroff", {{"restart", OnPoweroff::restart}, {"stop", OnPoweroff::stop}})
          .value_or(OnPoweroff::restart);
  read_failback(table, r);
  r.tolerate_host = table.choice<bool>("tolerate", {{"guest", false}, {"host", true}}, {"site"}).value_or(true);
}

void read_instances(Table& table, VmDraft& draft, Purpose purpose) {
  draft.spread = table.choice("spread", kFailureDomains).value_or(FailureDomain::host);
  const auto v = table.count("instances", 1, 1000);
  if (!v) return;
  if (v->value > 1 && purpose == Purpose::apply) {
    table.wrong(v->at, table.called("instances") + " above 1: not yet built in this version, but for the simulator",
                "instances = 1, or one [[vm]] for each");
    return;
  }
  draft.instances = v->value;
}

void read_when(Table& table, Resource& r) {
  const auto text = table.text("when", kWhenExample);
  if (!text) return;
  auto calendar = parse_when(text->value);
  if (!calendar) return table.wrong(text->at, table.called("when") + ": " + calendar.error(), kWhenExample);
  r.when = std::move(*calendar);
}

VmDraft read_vm(Table table, Purpose purpose) {
  VmDraft draft;
  Resource& r = draft.resource;
  table.require("name", "name = \"web1\"");
  draft.at = table.at("name");
  if (const auto v = table.name("name")) r.name = ResourceName(v->value);
  if (purpose == Purpose::apply) table.require("domain", "domain = \"web1.xml\" (the VM's libvirt XML)");
  draft.domain = table.text("domain", "the path of a libvirt domain XML file");
  draft.cpu_at = table.at("cpu");
  draft.memory_at = table.at("memory");
  draft.cpu_given = table.has("cpu");
  draft.memory_given = table.has("memory");
  if (const auto v = table.count("cpu", 1)) r.cpu = {v->value};
  if (const auto v = table.size("memory", Zero::refused)) r.memory = rounded_up(v->value);
  r.state = table
                .choice<DesiredState>("state", {{"started", DesiredState::started},
                                                {"stopped", DesiredState::stopped},
                                                {"ignored", DesiredState::ignored}})
                .value_or(DesiredState::started);
  if (const auto v = table.count("priority", 0, 1000)) r.priority = static_cast<int>(v->value);
  read_host_rules(table, draft);
  read_recovery(table, draft);
  read_instances(table, draft, purpose);
  if (auto v = table.texts("after", kResourceList)) draft.after = std::move(*v);
  if (const auto v = table.flag("live_migration")) r.live_migration = *v;
  if (const auto v = table.flag("cap")) r.cap = *v;
  r.preempt = table.flag("preempt").value_or(false);
  read_when(table, r);
  read_health(table, draft);
  for (const char* key : {"rto", "rpo"}) table.not_yet(key);
  table.finish();
  return draft;
}

RuleDraft read_rule(Table table) {
  RuleDraft draft;
  draft.at = table.at();
  table.require("kind", "kind = \"apart\"");
  draft.rule.kind = table.choice<RuleKind>("kind", {{"apart", RuleKind::apart}, {"together", RuleKind::together}})
                        .value_or(RuleKind::apart);
  table.require("resources", R"(resources = ["web1", "web2"])");
  if (auto v = table.texts("resources", kResourceList)) {
    if (v->empty()) table.wrong(table.at("resources"), "resources in [[rule]] names nobody", "at least two resources");
    draft.resources = std::move(*v);
  }
  draft.rule.domain = table.choice("domain", kFailureDomains).value_or(FailureDomain::host);
  draft.rule.strict = table.flag("strict").value_or(true);
  table.finish();
  return draft;
}

}  // namespace

Draft read_draft(const toml::table& root, Purpose purpose, Problems& problems) {
  Draft draft;
  Table table(root, {1, 1}, "the file", problems);
  std::vector<Table> hosts = table.tables("host", "[[host]]");
  if (!table.has("host")) problems.add({1, 1}, "the file has no [[host]]", "one [[host]] table for each host");
  if (auto cluster = table.table("cluster", "[cluster]", "[cluster]")) {
    draft.cluster = read_cluster(std::move(*cluster), hosts.size());
  } else if (!table.has("cluster")) {
    problems.add({1, 1}, "the file has no [cluster]", "[cluster] with name = \"prod\"");
  }
  for (Table& t : hosts) draft.hosts.push_back(read_host(std::move(t), purpose));
  for (Table& t : table.tables("vm", "[[vm]]")) draft.vms.push_back(read_vm(std::move(t), purpose));
  for (Table& t : table.tables("rule", "[[rule]]")) draft.rules.push_back(read_rule(std::move(t)));
  for (const char* key : {"service", "group"}) table.not_yet(key);
  table.finish();
  return draft;
}

}  // namespace haven::file
