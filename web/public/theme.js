// Runs before the first paint, so that a remembered theme never flashes the other one first.
try {
  var theme = localStorage.getItem('leat-theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch (error) {
  // Storage may be closed to the page; the system's theme is right then.
}
