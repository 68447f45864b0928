// Makes photos smaller before they are sent, to spare people's data. Without this file they go as they are.
(function () {
  'use strict';
  var LONGEST = 2000, ENOUGH = 600 * 1024, QUALITY = 0.82;

  function shrink(file) {
    return createImageBitmap(file, { imageOrientation: 'from-image' }).then(function (image) {
      var scale = Math.min(1, LONGEST / Math.max(image.width, image.height));
      var canvas = document.createElement('canvas');
      canvas.width = Math.round(image.width * scale);
      canvas.height = Math.round(image.height * scale);
      canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
      return new Promise(function (done) { canvas.toBlob(done, 'image/jpeg', QUALITY); });
    }).then(function (blob) {
      if (!blob || blob.size >= file.size) { return file; }
      return new File([blob], file.name.replace(/\.[^.]*$/, '') + '.jpg', { type: 'image/jpeg' });
    }).catch(function () { return file; });
  }

  if (!window.createImageBitmap || !window.DataTransfer || !window.Promise) { return; }
  document.addEventListener('change', function (event) {
    var input = event.target;
    if (!input.matches || !input.matches('input[type=file][data-shrink]')) { return; }
    var chosen = Array.prototype.slice.call(input.files);
    if (!chosen.some(function (file) { return /^image\//.test(file.type) && file.size > ENOUGH; })) { return; }
    var button = input.form && input.form.querySelector('[type=submit]');
    if (button) { button.disabled = true; }
    Promise.all(chosen.map(function (file) {
      return /^image\//.test(file.type) && file.size > ENOUGH ? shrink(file) : file;
    })).then(function (files) {
      var kept = new DataTransfer();
      files.forEach(function (file) { kept.items.add(file); });
      input.files = kept.files;
    }).catch(function () { /* the originals stay chosen */ }).then(function () {
      if (button) { button.disabled = false; }
    });
  });
})();
