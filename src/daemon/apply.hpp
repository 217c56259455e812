// `haven apply` at havend's end: everything is judged again here, then stored as one transaction.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/model/spec.hpp"
#include "daemon/fit_inquiry.hpp"
#include "daemon/runtime.hpp"
#include "daemon/spec_store.hpp"
#include "file/diff.hpp"
#include "file/error.hpp"
#include "port/fence_device.hpp"

namespace haven::daemon {

struct ApplyRequest {
  std::string file_name;                       // as the operator called it
  std::string text;                            // of the cluster file
  std::map<std::string, std::string> domains;  // domain XML: path as the parser asks for it -> text
  std::optional<Revision> seen;                // what it is to replace; absent: whatever is there
  bool dry_run = false;                        // judge and compare only
  bool unprotected = false;                    // what would stay down after `reserve` losses is accepted
  std::string by;                              // who asks, for the journal
};

// `haven replace V --with NEW.xml`.
struct ReplaceRequest {
  ResourceName resource;
  ResourceName name;     // of the new one
  std::string xml_path;  // as the operator called it
  std::string xml;       // what stands there
  Duration prove{}, settle{}, timeout{};
  bool dry_run = false;      // judge and compare only
  bool unprotected = false;  // as in ApplyRequest
  std::string by;
};

// What speaks against it; nothing was stored. An error's `file` is empty where no place in the file is to blame.
struct Refusal {
  enum class Kind {
    bad_input,  // the file, or what it names, is wrong
    refused,    // the cluster will not have it, now
  };
  Kind kind = Kind::refused;
  std::vector<file::FileError> errors;
};

struct ApplyResult {
  bool changed = false;  // false: it is stored like this already (or would be)
  std::vector<file::DiffLine> changes;
  std::vector<std::string> warnings;  // what the operator should know and may want
  Revision seen;                      // of what it was compared with; 0: nothing was ever applied
};

class Applier {
 public:
  struct Limits {
    Duration validate = 10s;  // for one agent's metadata
    Duration commit = 10s;    // for one transaction
    Duration answers = 8s;    // for every host to tell what can run there
    Duration settle = 3s;     // for havend itself to see what was stored, or, at its start, anything at all
  };
  // `here`: this host, with what it has. `single_host`: the engine serves it alone. `lacking`: what this host has for
  // domains to run; empty: nobody can tell.
  Applier(Runtime& runtime, port::FenceDevice& fence, Host here, bool single_host, Lacking lacking = {});

  // Blocks; one at a time.
  [[nodiscard]] tl::expected<ApplyResult, Refusal> apply(const ApplyRequest& request);
  // The file as it is stored, with a successor in it; likewise.
  [[nodiscard]] tl::expected<ApplyResult, Refusal> replace(const ReplaceRequest& request);
  // And without the one that its replacement leaves behind, once that has ended. `resource`: either of the two.
  [[nodiscard]] tl::expected<ApplyResult, Refusal> end_replacement(const ResourceName& resource, const std::string& by);

 private:
  // What the cluster is now, as far as a new file must fit it.
  struct Present {
    bool listed = false;
    std::string cluster;
    std::string ambiguity;
    codec::StoredSpec stored;
    std::vector<Host> capacities;                 // hosts as they reported themselves
    std::map<ResourceName, std::string> running;  // uuid of what is claimed or runs
    FitAnswers fits;                              // as far as hosts have said
    std::map<HostName, Footprint> others;         // what runs there and is no resource
    // Of the stored file: why nothing else may be applied while a replacement is under way; empty: none is.
    std::string replacing;
  };
  // What is parsed or made is judged, and stored unless it is a dry run.
  [[nodiscard]] tl::expected<ApplyResult, Refusal> take(const ApplyRequest& request, Spec spec, const Present& present);
  [[nodiscard]] tl::expected<Present, Refusal> present();
  // Whether this file may be applied beside the replacements that the stored one knows of.
  [[nodiscard]] static tl::expected<void, Refusal> judge_replacements(const Present& present, const Spec& spec,
                                                                      bool dry_run, std::vector<std::string>& warnings);
  void judge(Spec& spec, const Present& present, Refusal& refusal, std::vector<std::string>& warnings);
  // Marks in `spec` what is unprotected by choice, the one that `request` makes or an earlier one.
  [[nodiscard]] tl::expected<void, Refusal> admit(const ApplyRequest& request, const Present& present,
                                                  const Spec& filled, Spec& spec, std::vector<std::string>& warnings);
  [[nodiscard]] tl::expected<Revision, Refusal> store(const ApplyRequest& request, const codec::CutDocument& cut,
                                                      const Spec& spec, const Present& present, const FitAnswers& fits,
                                                      Revision seen);
  // Asks every host that answers such questions, and this one itself.
  [[nodiscard]] FitAnswers ask_hosts(const Spec& spec, const Present& present);
  // Waits for this to hold; false: it did not within `patience`.
  bool settle(const std::function<bool(const Runtime::Sight&)>& holds, Duration patience);

  std::mutex one_at_a_time_;
  Runtime& runtime_;
  port::FenceDevice& fence_;
  Host here_;
  bool single_host_;
  Lacking lacking_;
  Limits limits_;
};

}  // namespace haven::daemon
