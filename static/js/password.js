// Shows a password on demand and says how hard it is to guess. Without this file passwords work as before.
(function () {
  'use strict';
  var words = document.currentScript.dataset;
  function strength(text) {
    var kinds = [/[a-zà-ÿ]/, /[A-ZÀ-Þ]/, /[0-9]/, /[^0-9A-Za-zÀ-ÿ]/].filter(function (kind) { return kind.test(text); }).length;
    var bits = new Set(text).size * 2 + text.length + kinds * 3;
    return text.length < 12 ? 1 : bits < 36 ? 2 : bits < 50 ? 3 : 4;
  }
  document.querySelectorAll('input[type="password"]').forEach(function (box) {
    var show = document.createElement('button');
    show.type = 'button';
    show.className = 'btn btn-link btn-sm';
    show.textContent = words.show;
    show.setAttribute('aria-controls', box.id);
    show.setAttribute('aria-pressed', 'false');
    show.addEventListener('click', function () {
      var hidden = box.type === 'password';
      box.type = hidden ? 'text' : 'password';
      show.setAttribute('aria-pressed', String(hidden));
      show.textContent = hidden ? words.hide : words.show;
    });
    box.insertAdjacentElement('afterend', show);
    if (box.form) box.form.addEventListener('submit', function () { box.type = 'password'; });
    if (box.getAttribute('autocomplete') !== 'new-password' || /2$/.test(box.name)) return;
    var meter = document.createElement('meter');
    var said = document.createElement('span');
    meter.min = 0;
    meter.max = 4;
    meter.low = 2;
    meter.high = 3;
    meter.optimum = 4;
    meter.setAttribute('aria-hidden', 'true');
    said.className = 'small';
    said.setAttribute('role', 'status');
    box.addEventListener('input', function () {
      var value = box.value ? strength(box.value) : 0;
      meter.value = value;
      said.textContent = value ? words.strength.split('|')[value - 1] : '';
    });
    show.insertAdjacentElement('afterend', said);
    show.insertAdjacentElement('afterend', meter);
  });
})();
