// The amount box is never replaced while somebody types: only its hint and its error come new from the server.
(function () {
  'use strict';
  document.addEventListener('htmx:afterSettle', function () {
    var box = document.getElementById('sim_amount'), error = document.getElementById('sim_amount_error');
    if (!box || !error) { return; }
    var bad = error.textContent.trim() !== '';
    box.closest('.field').classList.toggle('field-bad', bad);
    if (bad) { box.setAttribute('aria-invalid', 'true'); } else { box.removeAttribute('aria-invalid'); }
  });
})();
