"""The reasons that come from our own house: storage, queues, time, mistakes."""

from typing import Final

from koppeling.failures import Whose

_TRY_AGAIN: Final = "U hoeft niets te doen: de koppeling probeert het vanzelf opnieuw."

REASONS: Final[dict[str, tuple[str, str, Whose]]] = {
    "amount-credit-exceeds": (
        "De creditorder is {total}, meer dan de {booked} waarvoor de oorspronkelijke bestelling is geboekt.",
        "Controleer de creditorder in de webwinkel, of boek haar zelf in SnelStart.",
        "owner",
    ),
    "customer-being-made": (
        "De klant van deze bestelling wordt op dit moment voor een andere bestelling aangemaakt.",
        _TRY_AGAIN,
        "operator",
    ),
    "customer-email-needed": (
        "De bestelling heeft geen geldig e-mailadres, terwijl deze verkoop over de grens een eigen klant vraagt.",
        "Vul in de webwinkel het e-mailadres van de klant in en bied de bestelling opnieuw aan.",
        "owner",
    ),
    "koppeling-error": (
        "Er ging iets mis in de koppeling zelf.",
        "U hoeft niets te doen: de koppeling probeert het opnieuw en de beheerder ziet deze fout.",
        "operator",
    ),
    "koppeling-no-time-left": (
        "De webwinkel of SnelStart antwoordde zo traag dat er geen tijd meer was om veilig te boeken.",
        _TRY_AGAIN,
        "operator",
    ),
    "koppeling-partner-secret-unreadable": (
        "De eigen sleutels van de koppeling konden niet worden gelezen.",
        "Beheerder: vul ze in met «koppeling partner» en controleer de rechten van de functies.",
        "operator",
    ),
    "koppeling-order-busy": (
        "Een andere bewerking is op dit moment met deze bestelling bezig.",
        _TRY_AGAIN,
        "operator",
    ),
    "koppeling-partner-empty": (
        "De eigen sleutels van de koppeling (partner-token en subscription key) zijn nog niet ingevuld.",
        "Beheerder: vul ze eerst in met «koppeling partner».",
        "operator",
    ),
    "koppeling-paused": (
        "De koppeling is gepauzeerd.",
        "Hervat de koppeling; de bestellingen die intussen kwamen worden dan alsnog geboekt.",
        "owner",
    ),
    "koppeling-queue-unavailable": (
        "De wachtrij van de koppeling nam de bestelling niet aan.",
        _TRY_AGAIN,
        "operator",
    ),
    "number-gone": (
        "Factuur {invoice_number} is niet meer in SnelStart te vinden, terwijl zij wel is geboekt.",
        "Kijk in SnelStart of de factuur is verwijderd of een ander nummer kreeg, en meld het aan de beheerder.",
        "bookkeeper",
    ),
    "number-two-forms": (
        "Deze winkel is of was al aan deze administratie gekoppeld, met een andere vorm van factuurnummers.",
        "Gebruik dezelfde vorm (invoice_number), of verwijder de andere koppeling en begin na die dag (start_date).",
        "operator",
    ),
    "shop-access-refused": (
        "De webwinkel weigert de toegang: het token van de winkel klopt niet, of het partnertoken van de beheerder.",
        "Controleer eerst het token van de winkel (Instellingen, API); klopt dat, waarschuw dan de beheerder.",
        "owner",
    ),
    "shop-credit-already-reversed": (
        "Bestelling {of} is al in haar geheel teruggeboekt; deze creditorder hoeft niet nog eens geboekt te worden.",
        "U hoeft niets te doen.",
        "owner",
    ),
    "shop-credit-of-unbooked": (
        "Deze creditorder hoort bij bestelling {of}, die nooit is geboekt; er is niets om terug te boeken.",
        "U hoeft niets te doen. Hebt u bestelling {of} zelf geboekt, boek dan ook de creditering zelf.",
        "owner",
    ),
    "shop-credit-waits": (
        "Deze creditorder wacht tot bestelling {of} is geboekt en betaald.",
        "U hoeft niets te doen, tenzij bestelling {of} geweigerd is: los dat dan eerst op.",
        "owner",
    ),
    "shop-number-unknown": (
        "Dit is geen gewoon bestelnummer; de webwinkel kent zulke bestellingen niet.",
        "U hoeft niets te doen, tenzij er een bestelling ontbreekt: controleer dan wat de webhook meestuurt.",
        "owner",
    ),
    "shop-restored": (
        "De bestelling is in de webwinkel hersteld, nadat zij in de boeken was teruggeboekt.",
        "Maak in de webwinkel een nieuwe bestelling met dezelfde inhoud, of boek de verkoop zelf in SnelStart.",
        "owner",
    ),
    "shop-other-shop": (
        "Het token is van een andere winkel dan deze koppeling.",
        "Geef het token van de gekoppelde winkel, of maak voor de andere winkel een nieuwe koppeling.",
        "owner",
    ),
    "snelstart-busy": (
        "SnelStart neemt op dit moment geen verzoeken van deze administratie meer aan.",
        _TRY_AGAIN,
        "operator",
    ),
    "snelstart-other-administration": (
        "De koppelsleutel is van een andere administratie dan deze koppeling.",
        "Geef de koppelsleutel van de gekoppelde administratie, of maak voor de andere een nieuwe koppeling.",
        "owner",
    ),
    "vat-number-not-in-vies": (
        "Het btw-nummer van de klant is volgens het Europese register (VIES) niet geldig.",
        "Vraag de klant om het juiste btw-nummer, verbeter het in de webwinkel en bied de bestelling opnieuw aan.",
        "owner",
    ),
    "vat-number-vies-unavailable": (
        "Het Europese register van btw-nummers (VIES) geeft nu geen antwoord.",
        _TRY_AGAIN,
        "operator",
    ),
    "snelstart-unreadable": (
        "SnelStart gaf een antwoord dat de koppeling niet kan lezen (veld {field}).",
        "U hoeft niets te doen: de koppeling probeert het opnieuw en de beheerder ziet deze fout.",
        "operator",
    ),
}
