"""Word lists from which people, places and codes are made up; no real person is meant."""

FIRST = """
Adaeze Agnès Aiko Amara Anders André Anne-Marie Beatriz Björn Camille Chloé Dagmar D'Arcy Edwina
Eirlys Émile Esperanza Farid Fiona Françoise Gareth Giulia Greta Hamza Héctor Hildegard Imogen
Ingrid Ioana Isolde Jarmila Jin-Soo João José Judith Kaito Katarína Keiko Kwame Leocadia Lucía
Magnus Márta Mei-Ling Mireille Naledi Nkechi Noémie Odalys Oisín Oluwaseun Orla Paloma
Pierre-Luc Priya Quentin Rafaël Renée Rhiannon Rosalind Rukmini Sadia Saoirse Séamus Siân
Siobhán Sólveig Taavi Tadeáš Temperance Thandiwe Théodore Ulrike Usha Valdís Vinícius Wilhelmina
Winifred Xiomara Yadira Yusuf Zdeněk Zoë Zsófia
"""
LAST = """
Abernathy Achterberg Adeyemi Ainsworth Alderete Årud Auclair Bancroft Baptiste Beaumont Blažek
Bouvier Brightwater Castañeda Chakrabarti Chevalier Cottingham D'Angelo Delacroix Dvořák
Eastwick Eguchi Esterházy Fairweather Featherstone Fernández-Ruiz Fitzgerald Gallowglass Garçon
Goldfinch Grünwald Hallström Hawksworth Hernández Holloway Ibáñez Inglewood Jägermann Kaczmarek
Kimathi Kowalczyk Lachapelle Lindqvist Lockwood MacAllister Marchetti Merriweather Mkhize
Montágua Müller Nakashima Núñez Obuya O'Callahan O'Neill Öberg Pemberton Penhaligon Quiñones
Rasmusdatter Ravenscroft Rosenthal Sagstad Saint-Germain Satterfield Schönberg Silverthorne
Søndergaard Tanahashi Thistlewood Tremblay-Roy Underhill Valdés Vandermeer Wainwright Weatherby
Whitcombe Yamaguchi Yellowlees Zimmermann
"""
FIRST_NAMES = tuple(FIRST.split())
LAST_NAMES = (*LAST.split(), "de la Fuente", "van der Linden", "St. Clair", "Ó Súilleabháin")
PREFIXES = ("Mr.", "Ms.", "Mx.", "Dr.", "Prof.", "Rev.", "The Hon.")
NICKNAMES = ('"Peg"', '"Bo" (the elder)', "Sunny", '"Doc"', "J.J.", "6'2\" Tom")
ANNOTATIONS = ("Arts '98, Law '03", "P'12, P'15", "Class Agent", 'Captain, "Heavy Eight"', "H'20")
STREETS = ("Ferry Lane", "Old Mill Road", "Kestrel Way", "Château Drive", "5th Avenue N.", "Quay")
UNITS = ("Apt. 3", "Suite 1,200", "c/o Castillo", 'Flat "B"', "Box 0042", "#7")
NATIONS = ("USA", "USA", "USA", "USA", "USA", "USA", "CAN", "GBR", "US", "MEX", "JPN", "DE")
PLACES = (
    ("Springfield", "MA", "01103"),
    ("Portland", "ME", "04101"),
    ("Burlington", "VT", "05401-1428"),
    ("Princeton Junction", "NJ", "08550"),
    ("Cañon City", "CO", "81212"),
    ("Coeur d'Alene", "ID", "83814"),
    ("Winston-Salem", "NC", "27101"),
    ("St. Paul", "MN", "55101"),
    ("San José", "CA", "95101"),
    ("Walla Walla", "WA", "99362"),
)
MANAGERS = ("Jordan Reyes", "Priya Lindqvist", "Émile O'Callahan", "Ms. T. Weatherby, CFRE")
MEMBERS = ("Life", "Annual", "Recent Graduate", "Friend")

SCHOOLS = (
    ("AS", "Arts and Sciences"),
    ("EN", "Engineering"),
    ("BU", "Business"),
    ("LA", "Law"),
    ("MD", "Medicine & Dentistry"),
    ("MU", 'Music ("The Conservatoire")'),
)
DEGREES = (
    ("BA", "Bachelor of Arts", "UG"),
    ("BS", "Bachelor of Science", "UG"),
    ("BMus", "Bachelor of Music", "UG"),
    ("MBA", "Master of Business Administration", "GR"),
    ("JD", "Juris Doctor", "PR"),
    ("PhD", "Doctor of Philosophy", "GR"),
)
DEGREE_TYPES = (("UG", "Undergraduate"), ("GR", "Graduate"), ("PR", "Professional"))
HONORS = (("CL", "Cum laude"), ("MCL", "Magna cum laude"), ("SCL", "Summa cum laude"))
MAJORS = (
    "History",
    "History, Political Science",
    "Chemistry",
    "Électronique, Informatique",
    'Philosophy ("PPE")',
    "Nursing",
    "Music, Composition",
)
CAMPAIGNS = (("FWD30", "Forward 2030"), ("ANN", "Annual Fund"), ("BICENT", "Bicentennial, Phase 2"))
CODE_LISTS = {
    "campaign": CAMPAIGNS,
    "degreeType": DEGREE_TYPES,
    "honors": HONORS,
    "membershipLevel": (("IND", "Individual"), ("JNT", "Joint"), ("PAT", "Patron")),
    "membershipStatus": (("A", "Active"), ("L", "Lapsed"), ("P", "Pending")),
    "membershipType": (("LIFE", "Life"), ("ANN", "Annual"), ("YNG", "Recent graduate")),
    "school": SCHOOLS,
    "unit": (*SCHOOLS, ("ATH", "Athletics"), ("LIB", "Libraries")),
}
PURPOSES = ("Scholarship Fund", "Chair", "Field Trip Fund", "Library Endowment", "Travel Prize")
