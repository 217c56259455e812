// A havend of a whole cluster that is a few maps: what is told to go out of service is emptied by one resource with
// each look, and what is back gets its own back likewise. The real one is behind tests/daemon and tests/system.
#pragma once

#include <httplib.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace haven::test {

using Json = nlohmann::json;

class FakeHavend {
 public:
  struct Host {
    bool on = false;  // in maintenance
    int boots = 1;
    int away = 0;  // so many looks
    std::vector<std::string> moved;
  };
  struct Resource {
    std::string host, state = "running";
  };

  FakeHavend(const std::string& socket, const std::vector<std::string>& hosts,
             std::map<std::string, Resource> resources)
      : names_(hosts), resources(std::move(resources)) {
    for (const std::string& name : hosts) this->hosts[name] = {};
    server_.set_address_family(AF_UNIX);
    const auto give = [](httplib::Response& response, int status, const Json& json) {
      response.status = status;
      response.set_content(json.dump(), "application/json");
    };
    const auto data = [give](httplib::Response& response, Json json) {
      give(response, 200, {{"data", std::move(json)}});
    };
    server_.Get("/v1/status", [this, data](const httplib::Request&, httplib::Response& r) { data(r, look()); });
    server_.Get("/v1/spec", [data](const httplib::Request&, httplib::Response& r) { data(r, {{"host", "h0"}}); });
    server_.Get("/v1/cluster/status", [data](const httplib::Request&, httplib::Response& r) {
      data(r, {{"managed", false}, {"members", Json::array()}});
    });
    server_.Get("/v1/maintenance", [this, data](const httplib::Request& q, httplib::Response& r) {
      data(r, foresee(q.get_param_value("hosts")));
    });
    server_.Post("/v1/operator", [this, give, data](const httplib::Request& q, httplib::Response& r) {
      const std::string why = obey(Json::parse(q.body));
      if (why.empty()) return data(r, {{"text", "done"}, {"warnings", Json::array()}});
      give(r, 409, {{"error", {{"what", why}, {"where", ""}, {"wanted", ""}}}});
    });
    server_.bind_to_port(socket, 80);
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    // stop() does nothing before the thread has begun to serve.
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~FakeHavend() {
    server_.stop();
    thread_.join();
  }
  FakeHavend(const FakeHavend&) = delete;
  FakeHavend& operator=(const FakeHavend&) = delete;

  std::vector<std::string> said() {
    const std::lock_guard lock(mutex_);
    return said_;
  }
  bool is_out(const std::string& host) {
    const std::lock_guard lock(mutex_);
    return hosts.at(host).on;
  }

 private:
  const std::vector<std::string> names_;

 public:
  // To be changed before anybody asks.
  std::map<std::string, Host> hosts;
  std::map<std::string, Resource> resources;
  std::map<std::string, std::string> refused;      // maintenance of this host: why
  std::set<std::vector<std::string>> not_at_once;  // pairs in order of names
  std::map<std::string, std::string> exposed;      // by host, unless accepted
  std::string stuck;                               // a resource that never moves
  std::string breaks;                              // a resource that has failed once it is back

 private:
  std::string obstacle(const std::string& host, const std::set<std::string>& out, bool unprotected) const {
    if (const auto why = refused.find(host); why != refused.end()) return why->second;
    for (const auto& other : out)
      if (not_at_once.contains({std::min(host, other), std::max(host, other)})) return "not with " + other;
    const auto breach = exposed.find(host);
    return breach == exposed.end() || unprotected ? "" : breach->second;
  }

  std::string obey(const Json& asked) {
    const std::lock_guard lock(mutex_);
    const std::string verb = asked.at("verb");
    if (verb == "start") return boots_anew(asked.at("resource"));
    const std::string name = asked.at("host");
    if (!hosts.contains(name)) return "there is no host " + name;
    Host& host = hosts.at(name);
    const bool on = verb == "maintain";
    std::set<std::string> out;
    for (const auto& [other, one] : hosts)
      if (one.on) out.insert(other);
    const std::string why = on ? obstacle(name, out, asked.at("unprotected")) : "";
    if (!why.empty()) return name + " stays in service: " + why;
    said_.push_back(verb + " " + name);
    host.on = on;
    for (const auto& [resource, one] : resources)
      if (on && one.host == name) host.moved.push_back(resource);
    return "";
  }
  // What a command under test says in the place of a reboot.
  std::string boots_anew(const std::string& host) {
    said_.push_back("boot " + host);
    ++hosts.at(host).boots;
    hosts.at(host).away = 2;
    return "";
  }

  std::vector<std::string> on_host(const std::string& name) const {
    std::vector<std::string> there;
    for (const auto& [resource, one] : resources)
      if (one.host == name) there.push_back(resource);
    return there;
  }
  void go_on() {
    for (auto& [name, host] : hosts) {
      if (host.on) {
        const auto there = on_host(name);
        const auto other = std::find_if(hosts.begin(), hosts.end(), [](const auto& h) { return !h.second.on; });
        if (!there.empty() && there.front() != stuck && other != hosts.end())
          resources.at(there.front()).host = other->first;
      } else if (!host.moved.empty()) {
        Resource& back = resources.at(host.moved.back());
        back.host = name;
        if (host.moved.back() == breaks) back.state = "failed";
        host.moved.pop_back();
      }
    }
  }
  Json look() {
    const std::lock_guard lock(mutex_);
    go_on();
    Json list = Json::array(), all = Json::array();
    for (const std::string& name : names_) {
      Host& host = hosts.at(name);
      const bool away = host.away > 0 && host.away-- > 0;
      Json maintenance;
      if (host.on || !host.moved.empty())
        maintenance = {{"on", host.on}, {"by", "anna"}, {"left", host.on ? on_host(name) : host.moved}};
      list.push_back({{"name", name},
                      {"address", "10.0.0." + name.substr(1)},
                      {"state", away ? "out" : "up"},
                      {"ready", !away},
                      {"boot", away ? Json() : Json(name + "-" + std::to_string(host.boots))},
                      {"maintenance", maintenance},
                      {"why", away ? "it is off" : ""}});
    }
    for (const auto& [name, one] : resources)
      all.push_back({{"name", name}, {"state", one.state}, {"host", one.host}, {"why", ""}, {"moving_to", nullptr}});
    return {{"engine", true},     {"frozen", false}, {"frozen_names", Json::object()},
            {"controller", "h1"}, {"hosts", list},   {"resources", all}};
  }
  Json foresee(const std::string& list) {
    const std::lock_guard lock(mutex_);
    std::set<std::string> out;
    std::string why;
    Json moves = Json::array(), breaches = Json::array();
    std::string reserve;
    std::istringstream names(list);
    for (std::string name; std::getline(names, name, ',');) {
      if (why.empty()) why = obstacle(name, out, true);
      if (exposed.contains(name)) {
        breaches.push_back("web1");
        reserve = exposed.at(name);
      }
      out.insert(name);
      for (const std::string& resource : on_host(name))
        moves.push_back(
            {{"resource", resource}, {"from", name}, {"to", "h1"}, {"live", true}, {"reasons", Json::array()}});
    }
    return {{"refused", why}, {"exposed", breaches}, {"reserve", reserve}, {"moves", moves}};
  }

  httplib::Server server_;
  std::thread thread_;
  std::mutex mutex_;
  std::vector<std::string> said_;
};

}  // namespace haven::test
