// Progressive enhancement only: every page works without this file.
(function () {
  'use strict';

  function each(selector, act) { document.querySelectorAll(selector).forEach(act); }

  // Focus goes to the error summary, as screen readers expect; also after a fragment was swapped in.
  function focusErrors() {
    var summary = document.querySelector('[data-error-summary]');
    if (summary) { summary.focus(); }
  }

  // A slider and its number box say the same.
  function mirror(range) {
    var box = document.getElementById(range.getAttribute('data-mirror'));
    if (!box) { return; }
    range.hidden = false;
    range.addEventListener('input', function () {
      box.value = range.value;
      box.dispatchEvent(new Event('change', { bubbles: true }));
    });
    box.addEventListener('input', function () { range.value = box.value.replace(/[^\d.]/g, ''); });
  }

  function enhance() {
    each('[data-mirror][hidden]', mirror);
    each('[data-print][hidden]', function (button) { button.hidden = false; });
    focusErrors();
  }
  enhance();
  document.addEventListener('htmx:afterSettle', enhance);

  // On a phone the desk's menu scrolls: bring the current section into view.
  var here = document.querySelector('.desk-nav [aria-current=page]');
  if (here) { here.closest('ul').scrollLeft = here.offsetLeft - 16; }

  document.addEventListener('click', function (event) {
    if (event.target.closest('[data-print]')) { window.print(); }
  });

  // Send a form once. Going back, or ten seconds without an answer, allows another try: the server takes
  // a repeated one for the same.
  document.addEventListener('submit', function (event) {
    var form = event.target;
    if (form.method !== 'post' || form.hasAttribute('hx-post')) { return; }
    if (form.hasAttribute('data-sent')) { event.preventDefault(); return; }
    form.setAttribute('data-sent', '');
    setTimeout(function () { form.removeAttribute('data-sent'); }, 10000);
  });
  window.addEventListener('pageshow', function () {
    each('form[data-sent]', function (form) { form.removeAttribute('data-sent'); });
  });
})();
