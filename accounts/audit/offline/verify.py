#!/usr/bin/env python3
"""Verifica un paquete de evidencia de Ayni sin Ayni: solo hace falta Python 3.9 o posterior.

    python3 verify.py                         dentro de la carpeta descomprimida
    python3 verify.py paquete.zip             o el paquete tal como llegó
    python3 verify.py --key <64 cifras>       además exige la clave pública que tú guardas
    python3 verify.py --held constancia.json  además compara con una constancia que tú guardas

Dice qué se cumple y nombra lo primero que no. Termina con 0 si todo se cumple, con 1 si no.
"""

import argparse
import json
import sys
import zipfile
from hashlib import sha256, sha512
from pathlib import Path

# --- Ed25519 (RFC 8032), solo verificar -------------------------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def decode_point(data):
    """El punto (x, y, 1, xy) que nombran 32 bytes; ValueError si no es uno de la curva."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if len(data) != 32 or y >= P:
        raise ValueError("no es un punto")
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and sign):
        raise ValueError("no es un punto")
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


def add(one, other):
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply(point, times):
    total = (0, 1, 1, 0)
    while times:
        if times & 1:
            total = add(total, point)
        point, times = add(point, point), times >> 1
    return total


BASE = decode_point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signed_by(public_key, signature, message):
    """Si `signature` (64 bytes) sobre `message` es de la clave pública (32 bytes)."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    scalar = int.from_bytes(signature[32:], "little")
    if scalar >= ORDER:
        return False
    try:
        key, nonce = decode_point(public_key), decode_point(signature[:32])
    except ValueError:
        return False
    challenge = int.from_bytes(sha512(signature[:32] + public_key + message).digest(), "little") % ORDER
    left, right = multiply(BASE, scalar), add(nonce, multiply(key, challenge))
    return not ((left[0] * right[2] - right[0] * left[2]) % P or (left[1] * right[2] - right[1] * left[2]) % P)


# --- el paquete -------------------------------------------------------------------------------------------------


class NotIntact(Exception):
    """Lo primero que no se cumple."""


class Package:
    """Los archivos del paquete, en un ZIP o en una carpeta."""

    def __init__(self, path):
        self.path = Path(path)
        self.zip = zipfile.ZipFile(self.path) if self.path.is_file() else None

    def lines(self, name):
        try:
            file = self.zip.open(name) if self.zip else (self.path / name).open("rb")
        except (KeyError, OSError):
            raise NotIntact(f"falta el archivo {name}") from None
        with file:
            for line in file:
                yield line.rstrip(b"\n")

    def document(self, name):
        return parsed(b"\n".join(self.lines(name)), name)

    def names(self, folder):
        if self.zip:
            return sorted(name for name in self.zip.namelist() if name.startswith(folder + "/"))
        return sorted(f"{folder}/{path.name}" for path in (self.path / folder).glob("*.json"))


def parsed(text, where):
    try:
        return json.loads(text)
    except ValueError:
        raise NotIntact(f"no se puede leer {where}") from None


def check_chain(package, about):
    """Recalcula cada huella; devuelve la huella de cada evento que un punto de control nombra después."""
    first, last = about["first_seq"], about["last_seq"]
    entries, seals = package.lines("entries.jsonl"), package.lines("seals.jsonl")
    expected, previous, hashes = first, None, {}
    inside, edges = 0, {"first": 0, "last": 0}
    for text in seals:
        seal = parsed(text, f"seals.jsonl, evento {expected}")
        if seal["seq"] != expected:
            raise NotIntact(f"falta el evento {expected}: después del anterior viene el {seal['seq']}")
        body = next(entries, None)
        if body is None:
            raise NotIntact(f"falta el contenido del evento {expected}")
        if previous is None:
            previous = bytes(32) if first == 1 else bytes.fromhex(seal["prev_hash"])
        if bytes.fromhex(seal["prev_hash"]) != previous:
            raise NotIntact(f"el evento {expected} no enlaza con el anterior")
        previous = sha256(previous + f"{expected}:".encode() + body).digest()
        if previous.hex() != seal["hash"]:
            raise NotIntact(f"el evento {expected} ({seal['entry_id']}) fue cambiado: su huella no sale")
        said = parsed(body, f"entries.jsonl, evento {expected}")
        if said["id"] != seal["entry_id"] or said["institution"] != about["institution_id"]:
            raise NotIntact(f"el contenido del evento {expected} es de otro evento o de otra entidad")
        hashes[expected] = seal["hash"]
        if about["from_us"] <= said["at_us"] < about["until_us"]:
            inside += 1
            edges = {"first": edges["first"] or expected, "last": expected}
        if expected == first:
            hashes[first - 1] = seal["prev_hash"]
        expected += 1
    if expected != last + 1:
        raise NotIntact(f"falta el evento {expected}: el paquete llega según su portada hasta el {last}")
    if next(entries, None) is not None:
        raise NotIntact("hay contenidos de más, sin sello")
    return hashes, inside, edges


def check_period(about, inside, edges):
    """Si el período está entero: antes y después de él la cadena sigue con eventos de otros días, o no sigue."""
    first, last = about["first_seq"], about["last_seq"]
    if not inside:
        raise NotIntact("ningún evento del paquete es del período que dice su portada")
    if edges["first"] == first and first > 1:
        raise NotIntact(f"el período puede estar recortado: falta el evento {first - 1}, el anterior al primero")
    say(
        f"Cumple: {inside} eventos son del período, del {about['from']} al {about['to']}; el primero es el"
        f" {edges['first']}" + (" y antes no hay otro." if first == 1 else " y el anterior es de otro día.")
    )
    if edges["last"] == last:
        say(f"Aviso: el evento {last} era el último de la cadena al exportar; lo posterior no está en este paquete.")
    else:
        say(f"Cumple: el último del período es el {edges['last']}; el siguiente es de otro día.")


def leaf(head):
    return sha256(b"\x00" + f"{head['institution']}:{head['seq']}:{head['hash']}".encode()).digest()


def root(heads):
    """La raíz de una constancia que trae las huellas de todas las cadenas."""
    level = [leaf(head) for head in sorted(heads, key=lambda one: one["institution"])]
    while len(level) > 1:
        pairs = [sha256(b"\x01" + level[at] + level[at + 1]).digest() for at in range(0, len(level) - 1, 2)]
        level = pairs + level[-1:] if len(level) % 2 else pairs
    return level[0].hex()


def climb(head, proof):
    """La raíz a la que llevan una huella de cabeza y su prueba."""
    reached = leaf(head)
    for step in proof:
        beside = bytes.fromhex(step["hash"])
        reached = sha256(b"\x01" + (beside + reached if step["left"] else reached + beside)).digest()
    return reached.hex()


def check_receipt(receipt, where, keys, institution_id):
    """La firma y la prueba de una constancia; devuelve su declaración y su cabeza."""
    statement, public_key = receipt["statement"], receipt["public_key"]
    if public_key not in keys:
        raise NotIntact(f"{where} está firmada con una clave que no es de confianza: {public_key}")
    if not signed_by(bytes.fromhex(public_key), bytes.fromhex(receipt["signature"]), statement.encode()):
        raise NotIntact(f"la firma de {where} no es válida")
    head = next((one for one in receipt["heads"] if one["institution"] == institution_id), None)
    if head is None:
        raise NotIntact(f"{where} no habla de esta entidad")
    said = json.loads(statement)
    reached = climb(head, receipt["proof"]) if "proof" in receipt else root(receipt["heads"])
    if reached != said["root"]:
        raise NotIntact(f"la huella de {where} no lleva a la raíz firmada")
    return said, head


def check_head(where, head, hashes, about):
    """Si la constancia y la cadena dicen lo mismo; solo se puede comparar dentro del período del paquete."""
    seq = head["seq"]
    if seq in hashes:
        if hashes[seq] != head["hash"]:
            raise NotIntact(f"{where}: la huella del evento {seq} era otra; la cadena fue reescrita hasta ahí")
        return True
    return False


def say(text):
    sys.stdout.write(text + "\n")


def verify(package, key=None, held=None):
    """Comprueba todo; NotIntact nombra lo primero que no se cumple."""
    about = package.document("about.json")
    keys = {line.decode().strip() for line in package.lines("public-keys.txt") if line.strip()}
    if key is not None:
        if key.lower() not in keys:
            raise NotIntact("la clave pública del paquete no es la que tú guardas")
        keys = {key.lower()}
    say(f"Entidad: {about['name']} ({about['institution']}). Eventos {about['first_seq']} a {about['last_seq']}.")
    hashes, inside, edges = check_chain(package, about)
    say(f"Cumple: {len(hashes) - 1} eventos, cada uno enlazado con el anterior; ninguno cambiado, ninguno falta.")
    check_period(about, inside, edges)
    before, compared, names = None, 0, package.names("checkpoints")
    for name in names:
        said, head = check_receipt(package.document(name), name, keys, about["institution_id"])
        if before and said["number"] == before[0] + 1 and said["previous"] != before[1]:
            raise NotIntact(f"{name} no sigue al punto de control anterior")
        statement = package.document(name)["statement"]
        before = (said["number"], sha256(statement.encode()).hexdigest())
        compared += check_head(name, head, hashes, about)
    say(f"Cumple: {len(names)} puntos de control firmados; {compared} comparados con la cadena.")
    if held is not None:
        receipt = parsed(Path(held).read_bytes(), held)
        _, head = check_receipt(receipt, "tu constancia", keys, about["institution_id"])
        if not check_head("tu constancia", head, hashes, about):
            if head["seq"] > about["last_seq"]:
                raise NotIntact(f"tu constancia llega hasta el evento {head['seq']} y el paquete no: falta el resto")
            say("Aviso: tu constancia es anterior al primer evento del paquete.")
        else:
            say(f"Cumple: tu constancia coincide en el evento {head['seq']}.")
    elif key is None:
        say("Aviso: compara la clave pública con una que hayas recibido por otro camino: " + ", ".join(sorted(keys)))
    if compared == 0:
        say("Aviso: ningún punto de control cae en este período; nada prueba que la cadena no se rehízo entera.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", nargs="?", default=Path(__file__).resolve().parent)
    parser.add_argument("--key")
    parser.add_argument("--held")
    options = parser.parse_args()
    try:
        verify(Package(options.package), options.key, options.held)
    except NotIntact as problem:
        say(f"NO SE CUMPLE: {problem}.")
        return 1
    except (KeyError, TypeError, ValueError, OSError, zipfile.BadZipFile) as problem:
        say(f"NO SE CUMPLE: el paquete no se puede leer ({problem!r}).")
        return 1
    say("TODO SE CUMPLE.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
