#include "daemon/service.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <utility>

#include "core/model/spelling.hpp"
#include "core/model/wording.hpp"
#include "core/recovery/maintenance.hpp"
#include "core/recovery/succession.hpp"
#include "daemon/codec.hpp"
#include "daemon/explanation_json.hpp"
#include "daemon/names.hpp"
#include "file/diff.hpp"

namespace haven::daemon {
namespace {

using Json = nlohmann::json;

Answer reply(Code code, const Json& json) { return {code, json.dump(-1, ' ', false, Json::error_handler_t::replace)}; }
Answer data(Json json) { return reply(Code::ok, Json{{"data", std::move(json)}}); }
Answer busy() { return error_answer(Code::unavailable, "havend has too much to do", "", "try again"); }

Json error_json(const std::string& what, const std::string& where, const std::string& wanted) {
  return {{"what", what}, {"where", where}, {"wanted", wanted}};
}
Json error_json(const file::FileError& error) {
  const std::string where =
      error.file.empty() ? "" : error.file + ":" + std::to_string(error.line) + ":" + std::to_string(error.column);
  return error_json(error.what, where, error.wanted);
}

Json name_or_null(const std::optional<HostName>& name) { return name ? Json(name->str()) : Json(nullptr); }

Json fence_json(const std::vector<FenceLevel>& levels) {
  Json json = Json::array();
  for (const FenceLevel& level : levels) {
    json.push_back({{"level", level.level},
                    {"problem", level.problem},
                    {"tested_at_ms", level.tested ? Json(level.tested->unix_ms) : Json(nullptr)}});
  }
  return json;
}

Json balance_json(const std::optional<BalanceReport>& balance) {
  if (!balance) return nullptr;
  Json moves = Json::array(), past = Json::array();
  for (const AdvisedMove& move : balance->moves)
    moves.push_back(
        {{"resource", move.guest.str()}, {"from", move.from.str()}, {"to", move.to.str()}, {"why", move.why}});
  for (const BalancingMove& move : balance->past)
    past.push_back({{"resource", move.guest.str()},
                    {"from", move.from.str()},
                    {"to", move.to.str()},
                    {"over", move.over},
                    {"at_ms", move.at.unix_ms}});
  return {{"mode", balance->automatic ? "auto" : "advise"},
          {"moves", moves},
          {"remarks", balance->remarks},
          {"past", past}};
}

Json maintenance_json(const std::optional<MaintenanceReport>& maintenance) {
  if (!maintenance) return nullptr;
  return {{"on", maintenance->on}, {"by", maintenance->by}, {"left", texts_of(maintenance->left)}};
}

Json replacement_json(const std::optional<ReplacementReport>& replacement) {
  if (!replacement) return nullptr;
  return {{"predecessor", replacement->predecessor.str()},
          {"successor", replacement->successor.str()},
          {"phase", word(replacement->phase)},
          {"linked", replacement->linked},
          {"why", replacement->why}};
}

using SendingsSeen = std::map<std::string, SendingFigures>;

// null: it is not being moved, or nothing is known of how far it is.
Json moving_json(const ResourceReport& resource, const SendingsSeen& sendings) {
  const auto found = sendings.find(resource.name.str());
  if (!resource.moving_to || found == sendings.end()) return nullptr;
  const SendingFigures& figures = found->second;
  return {{"percent", figures.percent},
          {"left_bytes", figures.left_bytes},
          {"elapsed_ms", figures.elapsed_ms},
          {"stuck", figures.stuck}};
}

Json status_json(const Report& report, const HostName& host, std::vector<Alarm> local, const SendingsSeen& sendings) {
  Json alarms = Json::array();
  const auto& known = report.alarms;
  // What this host has told everybody need not be told twice.
  std::erase_if(local, [&](const Alarm& own) {
    return std::any_of(known.begin(), known.end(), [&](const Alarm& alarm) {
      return alarm.host == host && alarm.text == host.str() + ": " + own.text;
    });
  });
  for (const auto& list : {known, local}) {
    for (const Alarm& alarm : list) alarms.push_back({{"key", alarm.key}, {"text", alarm.text}});
  }
  Json hosts = Json::array();
  for (const HostReport& one : report.hosts) {
    hosts.push_back({{"name", one.name.str()},
                     {"address", one.address},
                     {"boot", one.boot ? Json(one.boot->str()) : Json(nullptr)},
                     {"state", word(one.condition)},
                     {"ready", one.ready},
                     {"controller", one.controller},
                     {"running", one.running},
                     {"memory_used_mib", one.memory_used.count},
                     {"memory_mib", one.memory.count},
                     {"fence", fence_json(one.fence)},
                     {"maintenance", maintenance_json(one.maintenance)},
                     {"why", one.why}});
  }
  Json resources = Json::array();
  for (const ResourceReport& resource : report.resources) {
    resources.push_back({{"name", resource.name.str()},
                         {"state", word(resource.condition)},
                         {"host", name_or_null(resource.host)},
                         {"priority", resource.priority},
                         {"unprotected", resource.unprotected},
                         {"held_to_thousandths", resource.held_to ? Json(resource.held_to->count) : Json()},
                         {"health", resource.health ? Json(word(*resource.health)) : Json()},
                         {"why", resource.why},
                         {"moving_to", resource.moving_to ? Json(resource.moving_to->str()) : Json()},
                         {"moving", moving_json(resource, sendings)},
                         {"replacement", replacement_json(resource.replacement)}});
  }
  Json some_frozen = Json::object();
  for (const auto& [name, by] : report.some_frozen) some_frozen[name] = by;
  return {{"cluster", report.cluster},
          {"engine", report.engine},
          {"frozen", report.frozen},
          {"frozen_names", some_frozen},
          {"controller", name_or_null(report.controller)},
          {"alarms", alarms},
          {"hosts", hosts},
          {"resources", resources},
          {"balance", balance_json(report.balance)}};
}

Json entry_json(const JournalRecord& record) {
  Json reasons = Json::array();
  for (const auto& reason : record.reasons) {
    reasons.push_back({{"host", reason.host.str()}, {"reason", reason.reason}});
  }
  return {{"at_ms", record.at.unix_ms},
          {"by", record.by.str()},
          {"kind", codec::word(record.kind)},
          {"resource", record.resource.str()},
          {"host", record.host.str()},
          {"from", record.from.str()},
          {"level", record.level},
          {"why", record.why},
          {"reasons", reasons}};
}

std::string value_of(const Service::Query& query, const std::string& key) {
  const auto it = query.find(key);
  return it == query.end() ? std::string() : it->second;
}

// nullopt: absent or no text.
std::optional<std::string> text_of(const Json& json, const char* key) {
  const auto it = json.find(key);
  if (it == json.end() || !it->is_string()) return std::nullopt;
  return it->get<std::string>();
}
bool flag_of(const Json& json, const char* key) {
  const auto it = json.find(key);
  return it != json.end() && it->is_boolean() && it->get<bool>();
}

std::optional<ApplyRequest> read_apply(const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto file_name = text_of(json, "file_name");
  const auto text = text_of(json, "text");
  if (!file_name || !text) return std::nullopt;
  ApplyRequest request;
  request.file_name = *file_name;
  request.text = *text;
  request.dry_run = flag_of(json, "dry_run");
  request.unprotected = flag_of(json, "unprotected");
  request.by = text_of(json, "by").value_or("");
  if (const auto seen = json.find("seen"); seen != json.end()) {
    if (!seen->is_number_integer()) return std::nullopt;
    request.seen = Revision{seen->get<std::int64_t>()};
  }
  const auto domains = json.find("domains");
  if (domains == json.end()) return request;
  if (!domains->is_object()) return std::nullopt;
  for (const auto& [path, xml] : domains->items()) {
    if (!xml.is_string()) return std::nullopt;
    request.domains[path] = xml.get<std::string>();
  }
  return request;
}

// nullopt: absent, no whole number, or out of what a replacement may take.
std::optional<Duration> span_of(const Json& json, const char* key) {
  constexpr std::int64_t kMostMs = 30LL * 24 * 3600 * 1000;
  const auto it = json.find(key);
  if (it == json.end() || !it->is_number_integer()) return std::nullopt;
  const auto ms = it->get<std::int64_t>();
  return ms < 0 || ms > kMostMs ? std::nullopt : std::optional<Duration>(std::chrono::milliseconds(ms));
}

std::optional<ReplaceRequest> read_replace(const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto resource = text_of(json, "resource"), name = text_of(json, "name"), path = text_of(json, "path"),
             xml = text_of(json, "xml");
  const auto prove = span_of(json, "prove_ms"), settle = span_of(json, "settle_ms"),
             limit = span_of(json, "timeout_ms");
  if (!resource || !name || !path || !xml || !prove || !settle || !limit) return std::nullopt;
  return ReplaceRequest{ResourceName(*resource),
                        ResourceName(*name),
                        *path,
                        *xml,
                        *prove,
                        *settle,
                        *limit,
                        flag_of(json, "dry_run"),
                        flag_of(json, "unprotected"),
                        text_of(json, "by").value_or("")};
}

Answer apply_answer(const tl::expected<ApplyResult, Refusal>& result) {
  if (!result) {
    Json errors = Json::array();
    for (const auto& error : result.error().errors) errors.push_back(error_json(error));
    const bool input = result.error().kind == Refusal::Kind::bad_input;
    return reply(input ? Code::bad_input : Code::refused, Json{{"error", errors.front()}, {"errors", errors}});
  }
  Json changes = Json::array();
  for (const auto& line : result->changes) changes.push_back(file::to_string(line));
  return data({{"changed", result->changed},
               {"changes", changes},
               {"warnings", result->warnings},
               {"seen", result->seen.count}});
}

const std::map<std::string, OperatorVerb>& verbs() {
  static const std::map<std::string, OperatorVerb> kVerbs = {{"start", OperatorVerb::start},
                                                             {"stop", OperatorVerb::stop},
                                                             {"disable", OperatorVerb::disable},
                                                             {"ignore", OperatorVerb::ignore},
                                                             {"clear", OperatorVerb::clear},
                                                             {"relocate", OperatorVerb::relocate},
                                                             {"migrate", OperatorVerb::migrate},
                                                             {"stay", OperatorVerb::stay},
                                                             {"freeze", OperatorVerb::freeze},
                                                             {"thaw", OperatorVerb::thaw},
                                                             {"maintain", OperatorVerb::maintain},
                                                             {"resume", OperatorVerb::resume},
                                                             {"fence_confirm", OperatorVerb::fence_confirm},
                                                             {"fence_test", OperatorVerb::fence_test},
                                                             {"hand_back", OperatorVerb::hand_back},
                                                             {"hand_finish", OperatorVerb::hand_finish}};
  return kVerbs;
}

std::optional<OperatorVerb> verb_of(const std::string& word) {
  const auto it = verbs().find(word);
  return it == verbs().end() ? std::nullopt : std::optional(it->second);
}

}  // namespace

std::string said_by(const std::string& peer, const std::string& claimed) {
  const bool plain = !claimed.empty() && claimed.size() <= 64 &&
                     std::all_of(claimed.begin(), claimed.end(), [](unsigned char c) { return std::isgraph(c) != 0; });
  return peer == "root" && plain && claimed != "root" ? claimed + " as root" : peer;
}

Answer error_answer(Code code, const std::string& what, const std::string& where, const std::string& wanted) {
  return reply(code, Json{{"error", error_json(what, where, wanted)}});
}

Service::Service(Runtime& runtime, Applier& applier, LocalAlarms& alarms, HostName host, bool embedded,
                 Describe describe, const Sendings* sendings)
    : runtime_(runtime),
      applier_(applier),
      alarms_(alarms),
      host_(std::move(host)),
      embedded_(embedded),
      describe_(std::move(describe)),
      sendings_(sendings) {}

Answer Service::status() {
  Report report;
  std::string cluster;
  std::string ambiguity;
  SendingsSeen sendings;
  const bool seen = runtime_.see([&](const Runtime::Sight& sight) {
    report = sight.node.report();
    cluster = sight.store.cluster();
    ambiguity = sight.store.ambiguity();
    sendings = sendings_seen(sight, host_, sendings_);
  });
  if (!seen) return busy();
  if (report.cluster.empty()) report.cluster = cluster;
  auto local = alarms_.all();
  if (!ambiguity.empty())
    local.push_back({"cluster", ambiguity + "; cluster = \"NAME\" in havend.toml says which", {}, {}});
  return data(status_json(report, host_, std::move(local), sendings));
}

Answer Service::journal(const Query& query) {
  const std::string after = value_of(query, "after");
  const std::string resource = value_of(query, "resource");
  int wait_s = 0;
  const std::string wait = value_of(query, "wait_s");
  const auto [end, fault] = std::from_chars(wait.data(), wait.data() + wait.size(), wait_s);
  if (!wait.empty() && (fault != std::errc() || end != wait.data() + wait.size() || wait_s < 0)) {
    return error_answer(Code::bad_request, "wait_s is no number of seconds", "wait_s", "0 to 20");
  }
  const bool may_wait = waiting_.fetch_add(1) < kMostWaiting;
  const auto deadline =
      std::chrono::steady_clock::now() + (may_wait ? std::min<Duration>(std::chrono::seconds(wait_s), kMostWait) : 0s);
  Json entries = Json::array();
  std::string last = after;
  std::uint64_t news = 0;
  bool seen = true;
  while (seen) {
    news = runtime_.wait_news(0, 0s);
    seen = runtime_.see([&](const Runtime::Sight& sight) {
      const auto& journal = sight.node.view().journal;
      for (auto it = journal.upper_bound(after); it != journal.end(); ++it) {
        last = it->first;
        if (resource.empty() || it->second.resource.str() == resource) entries.push_back(entry_json(it->second));
      }
    });
    const auto left = deadline - std::chrono::steady_clock::now();
    if (!seen || !entries.empty() || stopping_ || left <= 0s) break;
    (void)runtime_.wait_news(news, left);
  }
  --waiting_;
  if (!seen) return busy();
  if (entries.size() > kMostEntries) {
    entries.erase(entries.begin(), entries.end() - static_cast<std::ptrdiff_t>(kMostEntries));
  }
  return data({{"entries", std::move(entries)}, {"last", last}});
}

Answer Service::explain(const Query& query) {
  const std::string name = value_of(query, "resource");
  if (!codec::well_formed(ResourceName(name)))
    return error_answer(Code::bad_input, "\"" + name + "\" is no name of a resource", "resource", "web1");
  std::optional<Explanation> found;
  std::vector<std::string> known;
  const bool seen = runtime_.see([&](const Runtime::Sight& sight) {
    const View& view = sight.node.view();
    found = haven::explain(view, ResourceName(name));
    if (found || view.spec() == nullptr) return;
    for (const Resource& resource : view.spec()->resources) known.push_back(resource.name.str());
  });
  if (!seen) return busy();
  if (found) return data(explanation_json(*found));
  return error_answer(Code::bad_input, "there is no resource \"" + name + "\"", name,
                      known.empty() ? "a cluster file that is applied"
                                    : closest(name, known).value_or("one that `haven status --all` shows"));
}

Answer Service::maintenance(const Query& query) {
  std::set<HostName> hosts;
  std::istringstream names(value_of(query, "hosts"));
  for (std::string name; std::getline(names, name, ',');) {
    if (!codec::well_formed(HostName(name)))
      return error_answer(Code::bad_input, "\"" + name + "\" is no name of a host", "hosts", "h1,h2");
    hosts.insert(HostName(name));
  }
  if (hosts.empty()) return error_answer(Code::bad_request, "no host is named", "hosts", "?hosts=h1,h2");
  std::optional<MaintenanceForeseen> foreseen;
  HostName unknown;
  const bool seen = runtime_.see([&](const Runtime::Sight& sight) {
    const View& view = sight.node.view();
    if (view.spec() == nullptr) return;
    for (const HostName& host : hosts)
      if (view.spec()->host(host) == nullptr) unknown = host;
    if (unknown.empty()) foreseen = foresee_maintenance(view, hosts);
  });
  if (!seen) return busy();
  if (!unknown.empty())
    return error_answer(Code::bad_input, "there is no host " + unknown.str(), "hosts", "a host of the cluster file");
  if (!foreseen) return error_answer(Code::refused, "nothing is applied yet", "", "haven apply FILE");
  return data(foreseen_json(*foreseen));
}

Answer Service::spec() {
  std::shared_ptr<const codec::SpecDocument> document;
  Revision mod;
  if (!runtime_.see([&](const Runtime::Sight& sight) {
        document = sight.store.stored().document;
        mod = sight.store.stored().mod;
      })) {
    return busy();
  }
  Json json = {{"host", host_.str()},   {"engine", embedded_ ? "embedded" : "etcd"},
               {"revision", mod.count}, {"file_name", nullptr},
               {"text", nullptr},       {"domains", Json::object()}};
  if (document) {
    json["file_name"] = document->file_name;
    json["text"] = document->text;
    for (const auto& [path, xml] : document->domains) json["domains"][path] = xml;
  }
  return data(std::move(json));
}

Answer Service::domain(const Query& query) {
  const std::string name = value_of(query, "name");
  if (name.empty()) return error_answer(Code::bad_request, "no domain is named", "name", "?name=DOMAIN");
  const auto xml = describe_(name);
  if (!xml) return error_answer(Code::refused, xml.error(), name, "a domain that `virsh list --all` shows here");
  return data({{"name", name}, {"xml", *xml}});
}

Answer Service::apply(const std::string& body, const std::string& peer) {
  auto request = read_apply(body);
  if (!request) {
    return error_answer(Code::bad_request, "no request to apply a file", "",
                        "{\"file_name\", \"text\", \"domains\", \"seen\", \"dry_run\", \"unprotected\", \"by\"}");
  }
  request->by = said_by(peer, request->by);
  return apply_answer(applier_.apply(*request));
}

Answer Service::replace(const std::string& body, const std::string& peer) {
  auto request = read_replace(body);
  if (!request) {
    return error_answer(Code::bad_request, "no request to replace a guest", "",
                        "{\"resource\", \"name\", \"path\", \"xml\", \"prove_ms\", \"settle_ms\", "
                        "\"timeout_ms\", \"dry_run\", \"unprotected\", \"by\"}");
  }
  if (!codec::well_formed(request->resource)) {
    return error_answer(Code::bad_input, "\"" + request->resource.str() + "\" is no name of a resource", "resource",
                        "web1");
  }
  request->by = said_by(peer, request->by);
  return apply_answer(applier_.replace(*request));
}

Answer Service::end_replacement(const std::string& body, const std::string& peer) {
  const Json json = Json::parse(body, nullptr, false);
  const ResourceName resource(json.is_object() ? text_of(json, "resource").value_or("") : "");
  if (!codec::well_formed(resource))
    return error_answer(Code::bad_request, "no request to end a replacement", "", "{\"resource\", \"by\"}");
  return apply_answer(applier_.end_replacement(resource, said_by(peer, text_of(json, "by").value_or(""))));
}

Answer Service::operate(const std::string& body, const std::string& peer) {
  const Json json = Json::parse(body, nullptr, false);
  const auto verb = json.is_object() ? verb_of(text_of(json, "verb").value_or("")) : std::nullopt;
  if (!verb) {
    std::vector<std::string> known;
    for (const auto& [word, meaning] : verbs()) known.push_back(word);
    return error_answer(Code::bad_request, "no such verb", "verb", listed(known, "or"));
  }
  OperatorAsked asked;
  asked.verb = *verb;
  asked.resource = ResourceName(text_of(json, "resource").value_or(""));
  asked.host = HostName(text_of(json, "host").value_or(""));
  asked.by = said_by(peer, text_of(json, "by").value_or(""));
  asked.force = flag_of(json, "force");
  asked.unprotected = flag_of(json, "unprotected");
  if (const auto level = json.find("level"); level != json.end()) {
    if (!level->is_number_integer() || level->get<std::int64_t>() < 0 || level->get<std::int64_t>() > 16) {
      return error_answer(Code::bad_input, "level is no level of fence devices", "level", "1 to 16");
    }
    asked.level = level->get<int>();
  }
  asked.name = text_of(json, "name").value_or("");
  if (!asked.resource.empty() && !codec::well_formed(asked.resource)) {
    return error_answer(Code::bad_input, "\"" + asked.resource.str() + "\" is no name of a resource", "resource",
                        "web1");
  }
  if (!asked.host.empty() && !codec::well_formed(asked.host)) {
    return error_answer(Code::bad_input, "\"" + asked.host.str() + "\" is no name of a host", "host", "h1");
  }
  if (!asked.name.empty() && !codec::well_formed(ResourceName(asked.name))) {
    return error_answer(Code::bad_input, "\"" + asked.name + "\" is no name of a host or resource", "name", "h1");
  }
  const auto answer = runtime_.operate(asked);
  if (!answer) {
    return error_answer(Code::unavailable, "no answer in time; whether it is obeyed is not known", "",
                        "look at `haven status`");
  }
  if (!answer->ok) return error_answer(Code::refused, answer->text, "", "");
  return data({{"text", answer->text}, {"warnings", answer->warnings}});
}

}  // namespace haven::daemon
