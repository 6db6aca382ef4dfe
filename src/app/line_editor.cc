#include "app/line_editor.h"

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include <histedit.h>

#include "app/terminal.h"

namespace leat::app {
namespace {

std::string history_file() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  std::filesystem::path folder;
  if (state != nullptr && *state != '\0') {
    folder = state;
  } else if (home != nullptr && *home != '\0') {
    folder = std::filesystem::path(home) / ".local" / "state";
  } else {
    return {};
  }
  folder /= "leat";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  return error ? std::string() : (folder / "history").string();
}

}  // namespace

struct LineEditor::Editing {
  EditLine* line = nullptr;
  History* history = nullptr;
  std::string prompt;
  std::string file;
  HistEvent event{};

  static char* prompt_of(EditLine* line) {
    void* self = nullptr;
    el_get(line, EL_CLIENTDATA, &self);
    return static_cast<Editing*>(self)->prompt.data();
  }
};

LineEditor::LineEditor() {
  if (!is_terminal(stdin)) return;
  editing_ = std::make_unique<Editing>();
  editing_->line = el_init("leat", stdin, stdout, stderr);
  editing_->history = history_init();
  editing_->file = history_file();
  history(editing_->history, &editing_->event, H_SETSIZE, history_max);
  if (!editing_->file.empty()) {
    history(editing_->history, &editing_->event, H_LOAD, editing_->file.c_str());
  }
  el_set(editing_->line, EL_CLIENTDATA, editing_.get());
  el_set(editing_->line, EL_PROMPT, &Editing::prompt_of);
  el_set(editing_->line, EL_EDITOR, "emacs");
  el_set(editing_->line, EL_HIST, history, editing_->history);
  el_set(editing_->line, EL_SIGNAL, 1);
}

LineEditor::~LineEditor() {
  if (!editing_) return;
  if (!editing_->file.empty()) {
    history(editing_->history, &editing_->event, H_SAVE, editing_->file.c_str());
  }
  history_end(editing_->history);
  el_end(editing_->line);
}

std::optional<std::string> LineEditor::read(const std::string& prompt) {
  if (!editing_) {
    std::string line;
    if (!std::getline(std::cin, line)) return std::nullopt;
    return line;
  }
  editing_->prompt = prompt;
  int count = 0;
  // el_gets itself does this after the prompt: what is typed between the two would be lost.
  el_set(editing_->line, EL_PREP_TERM, 1);
  const char* text = el_gets(editing_->line, &count);
  if (text == nullptr || count <= 0) return std::nullopt;
  std::string line(text, static_cast<std::size_t>(count));
  while (line.ends_with('\n') || line.ends_with('\r')) line.pop_back();
  return line;
}

void LineEditor::remember(const std::string& entry) {
  if (editing_) history(editing_->history, &editing_->event, H_ENTER, entry.c_str());
}

}  // namespace leat::app
