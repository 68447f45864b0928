"""Audit entries in words for people. A test holds this table against every event that the code records."""

from typing import Any, Final

from django.apps import apps
from django.utils.translation import gettext_lazy as _

EVENTS: Final[dict[str, Any]] = {
    # people and institutions
    "accounts.institution.created": _("Entidad creada"),
    "accounts.institution.changed": _("Datos de la entidad cambiados"),
    "accounts.institution.look_changed": _("Aspecto de la entidad cambiado"),
    "accounts.operator.made": _("Operador de la plataforma nombrado"),
    "accounts.mandate.given": _("Mandato de supervisión otorgado"),
    "accounts.mandate.ended": _("Mandato de supervisión terminado"),
    "accounts.membership.created": _("Persona incorporada a la entidad"),
    "accounts.applicant.joined": _("Solicitante registrado en la entidad"),
    "accounts.staff.added": _("Personal incorporado"),
    "accounts.staff.changed": _("Roles del personal cambiados"),
    "accounts.staff.deactivated": _("Acceso del personal suspendido"),
    "accounts.staff.reactivated": _("Acceso del personal restablecido"),
    "accounts.person.registered": _("Cuenta creada por la plataforma"),
    "accounts.person.signed_up": _("Cuenta creada"),
    "accounts.person.signed_in": _("Ingreso a la cuenta"),
    "accounts.person.password_changed": _("Contraseña cambiada"),
    "accounts.person.email_changed": _("Correo cambiado"),
    "accounts.person.closed": _("Cuenta cerrada"),
    "accounts.person.reopened": _("Cuenta reabierta"),
    "accounts.second_step.set_up": _("Segundo paso activado"),
    "accounts.second_step.removed": _("Segundo paso desactivado"),
    "accounts.second_step.reset": _("Segundo paso reiniciado"),
    "accounts.second_step.failed": _("Segundo paso fallido"),
    "accounts.api_client.created": _("Cliente de API creado"),
    "accounts.api_client.secret_rotated": _("Clave de un cliente de API cambiada"),
    "accounts.api_client.deactivated": _("Cliente de API desactivado"),
    "accounts.subject_key.destroyed": _("Clave de seudónimo destruida"),
    "accounts.audit.verified": _("Registro verificado"),
    "accounts.evidence.exported": _("Paquete de evidencia exportado"),
    "portal.oversight.looked": _("Consulta de supervisión"),
    "portal.oversight.verified": _("Cadena verificada por el supervisor"),
    "portal.oversight.evidence_exported": _("Paquete de evidencia entregado al supervisor"),
    # models
    "scoring.dataset.created": _("Conjunto de datos incorporado"),
    "scoring.model.trained": _("Modelo entrenado"),
    "scoring.model.promoted": _("Modelo puesto en uso"),
    "scoring.model.rolled_back": _("Modelo sacado de uso"),
    "scoring.model.challenges": _("Modelo puesto a competir"),
    "scoring.model.challenge_ended": _("Fin de la competencia de un modelo"),
    "scoring.run.started": _("Reentrenamiento empezado"),
    "scoring.signals.loaded": _("Señales cargadas"),
    "scoring.outcomes.recorded": _("Resultados de créditos anotados"),
    "scoring.dataset.exported": _("Conjunto de datos exportado"),
    "scoring.file.uploaded": _("Planilla recibida para calificar"),
    # products and policies
    "lending.product.created": _("Producto creado"),
    "lending.product.terms_saved": _("Condiciones del producto guardadas"),
    "lending.product.published": _("Producto publicado"),
    "lending.product.withdrawn": _("Producto retirado"),
    "lending.legal_value.added": _("Valor legal agregado"),
    "lending.policy.saved": _("Política de decisión guardada"),
    # applications
    "lending.applicant.registered": _("Solicitante identificado"),
    "lending.applicant.updated": _("Datos del solicitante actualizados"),
    "lending.applicant.unmasked": _("Documento de identidad mostrado completo"),
    "lending.application.started": _("Solicitud empezada"),
    "lending.application.saved": _("Avance de la solicitud guardado"),
    "lending.application.submitted": _("Solicitud enviada"),
    "lending.application.assessed": _("Solicitud evaluada"),
    "lending.application.reassessed": _("Solicitud evaluada de nuevo"),
    "lending.application.facts_verified": _("Datos de la solicitud verificados"),
    "lending.application.review_requested": _("Revisión por una persona pedida"),
    "lending.application.decided": _("Solicitud decidida"),
    "lending.application.withdrawn": _("Solicitud retirada"),
    "lending.application.expired": _("Solicitud vencida"),
    "lending.decision.proposed": _("Decisión propuesta"),
    "lending.offer.chosen": _("Oferta elegida"),
    "lending.offer.expired": _("Oferta vencida"),
    "lending.contract.made": _("Contrato preparado"),
    "lending.contract.code_sent": _("Código de firma enviado"),
    "lending.contract.code_failed": _("Código de firma equivocado"),
    "lending.contract.signed": _("Contrato firmado"),
    "lending.contract.opened": _("Contrato abierto"),
    "lending.contract.cancelled": _("Contrato anulado"),
    "lending.contract.expired": _("Contrato vencido sin firma"),
    "lending.document.added": _("Documento agregado"),
    "lending.document.opened": _("Documento abierto"),
    "lending.document.reviewed": _("Documento revisado"),
    "lending.document.removed": _("Documento retirado"),
    # loans
    "lending.loan.booked": _("Crédito abierto"),
    "lending.loan.disbursement_requested": _("Desembolso pedido"),
    "lending.loan.disbursement_cancelled": _("Pedido de desembolso anulado"),
    "lending.loan.disbursed": _("Crédito desembolsado"),
    "lending.loan.paid_off": _("Crédito cancelado"),
    "lending.loan.advance_refunded": _("Adelanto devuelto"),
    "lending.loan.cancelled": _("Crédito anulado"),
    "lending.repayment.posted": _("Pago registrado"),
    "lending.repayment.reversed": _("Pago extornado"),
    "lending.repayment.choice_made": _("Efecto de un pago anticipado elegido"),
    "lending.restructure.proposed": _("Cambio del crédito propuesto"),
    "lending.restructure.applied": _("Cambio del crédito aplicado"),
    "lending.restructure.rejected": _("Cambio del crédito no autorizado"),
    "lending.bank_file.imported": _("Archivo de pagos importado"),
    "lending.ledger.month_closed": _("Mes contable cerrado"),
}
AREAS: Final[dict[str, Any]] = {
    "lending.application": _("Solicitudes"),
    "lending.decision": _("Propuestas de decisión"),
    "lending.offer": _("Ofertas"),
    "lending.contract": _("Contratos"),
    "lending.document": _("Documentos"),
    "lending.applicant": _("Solicitantes"),
    "lending.product": _("Productos"),
    "lending.policy": _("Políticas"),
    "lending.legal_value": _("Valores legales"),
    "lending.loan": _("Créditos"),
    "lending.repayment": _("Pagos"),
    "lending.restructure": _("Cambios de créditos"),
    "lending.bank_file": _("Archivos de pagos"),
    "lending.ledger": _("Contabilidad"),
    "scoring": _("Modelos y datos"),
    "accounts.staff": _("Personal"),
    "accounts.person": _("Cuentas"),
    "accounts.second_step": _("Segundo paso"),
    "accounts.api_client": _("Clientes de API"),
    "accounts.institution": _("Entidad"),
    "accounts.audit": _("Registro"),
    "accounts.evidence": _("Evidencia"),
    "portal.oversight": _("Supervisión"),
}
SUBJECTS: Final[dict[str, Any]] = {
    "accounts.institution": _("Entidad"),
    "accounts.user": _("Cuenta"),
    "accounts.membership": _("Membresía"),
    "accounts.regulatormandate": _("Mandato"),
    "accounts.apiclient": _("Cliente de API"),
    "scoring.dataset": _("Conjunto de datos"),
    "scoring.scoringmodel": _("Modelo"),
    "lending.product": _("Producto"),
    "lending.productversion": _("Versión de producto"),
    "lending.lendingpolicy": _("Política"),
    "lending.applicant": _("Solicitante"),
    "lending.application": _("Solicitud"),
    "lending.assessment": _("Evaluación"),
    "lending.decision": _("Decisión"),
    "lending.offer": _("Oferta"),
    "lending.document": _("Documento"),
    "lending.contract": _("Contrato"),
    "lending.reviewrequest": _("Pedido de revisión"),
    "lending.loan": _("Crédito"),
    "lending.disbursement": _("Desembolso"),
    "lending.repayment": _("Pago"),
    "lending.restructure": _("Cambio del crédito"),
    "lending.ledgerperiod": _("Mes contable"),
}
REASONS: Final[dict[str, Any]] = {
    "entry_missing": _("el evento fue borrado"),
    "content_changed": _("el contenido del evento no es el que se selló"),
    "link_broken": _("el enlace con el evento anterior está roto"),
    "seal_missing": _("falta un evento en este lugar de la cadena"),
    "out_of_order": _("dos sellos ocupan el mismo lugar de la cadena"),
    "not_sealed": _("el evento fue agregado sin pasar por el sellado"),
    "not_ours": _("el evento no lo escribió Ayni, o alguien lo reescribió"),
    "cut_off": _("la cadena fue cortada aquí: un punto de control firmado muestra que seguía"),
    "rewritten": _("la cadena fue reescrita hasta aquí: un punto de control firmado muestra otra huella"),
    "checkpoint_unreadable": _("un punto de control no se puede leer"),
    "checkpoint_foreign_key": _("un punto de control está firmado con una clave ajena"),
    "checkpoint_signature": _("la firma de un punto de control no es válida"),
    "checkpoint_root": _("un punto de control no concuerda con sus propias huellas"),
    "checkpoint_chain": _("los puntos de control no se siguen unos a otros"),
    "checkpoint_missing": _("la base de datos perdió un punto de control publicado"),
    "checkpoint_differs": _("un punto de control publicado difiere del guardado"),
    "guard_missing": _("la base de datos tiene desactivada una regla que protege el registro"),
}
FACTS: Final[dict[str, Any]] = {
    "application": _("solicitud"),
    "applicant": _("solicitante"),
    "product": _("producto"),
    "product_version": _("versión del producto"),
    "number": _("número"),
    "amount": _("monto"),
    "term_months": _("plazo en meses"),
    "tea": _("TEA"),
    "tcea": _("TCEA"),
    "usury_cap": _("tope de tasa"),
    "outcome": _("resultado"),
    "stage": _("etapa"),
    "agree": _("de acuerdo"),
    "reason_codes": _("motivos"),
    "kind": _("tipo"),
    "segment": _("segmento"),
    "channel": _("canal"),
    "step": _("paso"),
    "complete": _("completo"),
    "consents": _("consentimientos"),
    "fields": _("campos"),
    "changed": _("cambios"),
    "facts": _("datos"),
    "before": _("antes"),
    "after": _("después"),
    "on": _("fecha"),
    "due_on": _("vence"),
    "code": _("código"),
    "roles": _("roles"),
    "user": _("cuenta"),
    "document_type": _("tipo de documento"),
    "media_type": _("formato"),
    "size": _("tamaño"),
    "sha256": _("huella"),
    "review": _("revisión"),
    "score": _("puntaje"),
    "model": _("modelo"),
    "version": _("versión"),
    "ok": _("íntegro"),
    "entries": _("eventos"),
    "seq": _("último evento"),
    "first_seq": _("desde el evento"),
    "last_seq": _("hasta el evento"),
    "checkpoints": _("puntos de control"),
    "head": _("huella de cabeza"),
    "first_bad": _("primer evento dañado"),
    "ms": _("milisegundos"),
    "page": _("página"),
    "filters": _("filtros"),
    "about": _("sobre"),
    "begins": _("desde"),
    "ends": _("hasta"),
    "subject": _("persona"),
    "offer": _("oferta"),
    "moratory_tea": _("tasa moratoria"),
    "own_insurance": _("póliza propia"),
    "total": _("total"),
    "method": _("método"),
}

VALUES: Final[dict[str, Any]] = {
    "approve": _("aprobar"),
    "refer": _("derivar a una persona"),
    "decline": _("no aprobar"),
    "web": _("internet"),
    "counter": _("agencia"),
    "api": _("API"),
    "household": _("hogar"),
    "enterprise": _("negocio"),
    "farm": _("campo"),
    "accepted": _("aceptado"),
    "rejected": _("rechazado"),
}


def value_words(code: str) -> Any:
    """A code among the facts for a person; the code itself where there are no words."""
    return VALUES.get(code, code)


def fact_words(name: str) -> Any:
    """A fact's name for a person; the name itself where there are no words."""
    return FACTS.get(name, name)


def event_words(event: str) -> str:
    """The event for a person; its code where a later version has forgotten the words."""
    return str(EVENTS.get(event, event))


def subject_words(subject_type: str) -> str:
    """What kind of thing an entry is about."""
    if subject_type in SUBJECTS:
        return str(SUBJECTS[subject_type])
    try:
        return str(apps.get_model(subject_type)._meta.verbose_name).capitalize()
    except (LookupError, ValueError):
        return subject_type


def reason_words(reason: str) -> str:
    """Why a verification failed."""
    return str(REASONS.get(reason, reason))
