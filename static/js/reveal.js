// Shows follow-up questions once their answer is chosen. Without this file they are always there.
(function () {
  'use strict';
  document.querySelectorAll('[data-shown-if]').forEach(function (part) {
    var wanted = part.getAttribute('data-shown-if').split('=');
    var boxes = document.querySelectorAll('input[name="' + wanted[0] + '"]');
    function show() {
      var chosen = document.querySelector('input[name="' + wanted[0] + '"]:checked');
      part.hidden = !(chosen && chosen.value === wanted[1]);
    }
    boxes.forEach(function (box) { box.addEventListener('change', show); });
    show();
    window.addEventListener('pageshow', show);
  });
})();
