// The attribute types and object classes of each RFC, by name: a list to hold the schema against, so that none is lost.

export const attributeTypesOf: Readonly<Record<string, string>> = {
  "RFC 4512": `objectClass aliasedObjectName creatorsName createTimestamp modifiersName modifyTimestamp
    structuralObjectClass governingStructureRule subschemaSubentry objectClasses attributeTypes matchingRules
    matchingRuleUse ldapSyntaxes dITContentRules dITStructureRules nameForms altServer namingContexts supportedControl
    supportedExtension supportedFeatures supportedLDAPVersion supportedSASLMechanisms`,
  "RFC 3045": "vendorName vendorVersion",
  "RFC 4530": "entryUUID",
  "RFC 5020": "entryDN",
  "RFC 4519": `businessCategory c cn dc description destinationIndicator distinguishedName dnQualifier
    enhancedSearchGuide facsimileTelephoneNumber generationQualifier givenName houseIdentifier initials
    internationalISDNNumber l member name o ou owner physicalDeliveryOfficeName postalAddress postalCode postOfficeBox
    preferredDeliveryMethod registeredAddress roleOccupant searchGuide seeAlso serialNumber sn st street
    telephoneNumber teletexTerminalIdentifier telexNumber title uid uniqueMember userPassword x121Address
    x500UniqueIdentifier`,
  "RFC 4524": `associatedDomain associatedName buildingName co documentAuthor documentIdentifier documentLocation
    documentPublisher documentTitle documentVersion drink homePhone homePostalAddress host info mail manager mobile
    organizationalStatus pager personalTitle roomNumber secretary uniqueIdentifier userClass`,
  "RFC 2798": `carLicense departmentNumber displayName employeeNumber employeeType jpegPhoto preferredLanguage
    userSMIMECertificate userPKCS12 audio photo`,
  "RFC 2079": "labeledURI",
  "RFC 4523": `userCertificate cACertificate crossCertificatePair certificateRevocationList authorityRevocationList
    deltaRevocationList supportedAlgorithms`,
  "RFC 2307": `uidNumber gidNumber gecos homeDirectory loginShell shadowLastChange shadowMin shadowMax shadowWarning
    shadowInactive shadowExpire shadowFlag memberUid memberNisNetgroup nisNetgroupTriple ipServicePort
    ipServiceProtocol ipProtocolNumber oncRpcNumber ipHostNumber ipNetworkNumber ipNetmaskNumber macAddress
    bootParameter bootFile nisMapName nisMapEntry`,
  "draft-behera-ldap-password-policy": `pwdChangedTime pwdAccountLockedTime pwdFailureTime pwdHistory pwdGraceUseTime
    pwdReset pwdPolicySubentry`,
  "other servers": "memberOf hasSubordinates numSubordinates defaultNamingContext sshPublicKey memberURL",
};

export const objectClassesOf: Readonly<Record<string, string>> = {
  "RFC 4512": "top alias extensibleObject subschema",
  "RFC 4519": `applicationProcess country dcObject device groupOfNames groupOfUniqueNames locality organization
    organizationalPerson organizationalRole organizationalUnit person residentialPerson uidObject`,
  "RFC 4524": `account document documentSeries domain domainRelatedObject friendlyCountry rFC822localPart room
    simpleSecurityObject`,
  "RFC 2798": "inetOrgPerson",
  "RFC 2079": "labeledURIObject",
  "RFC 4523": `pkiUser pkiCA cRLDistributionPoint deltaCRL strongAuthenticationUser userSecurityInformation
    certificationAuthority certificationAuthority-V2`,
  "RFC 2307": `posixAccount shadowAccount posixGroup ipService ipProtocol oncRpc ipHost ipNetwork nisNetgroup nisMap
    nisObject ieee802Device bootableDevice`,
  "other servers": "groupOfURLs ldapPublicKey",
};
